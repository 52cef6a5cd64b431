import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import type { AttemptWriteInit, StageWriteInit, TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PENDING, SCHEDULED, COMPLETE, INCOMPLETE } = AttemptState;

/** A plan whose stage `s` is ATTEMPTING. */
async function attempting(stage: StageWriteInit = {}): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ stages: [{ ...stage, id: 's' }] });
  return plan;
}

const write = (currentAttempt: AttemptWriteInit) => ({ stages: [{ id: 's', currentAttempt }] });

describe('semantics 4: ends', () => {
  test('INCOMPLETE: the next attempt is PENDING in the same revision', async () => {
    const plan = await attempting({ executionPolicy: { backoffInitial: { seconds: 2n, nanos: 0 } } });
    const stage = await plan.attempt('s', { state: INCOMPLETE, failure: { message: 'lost', reason: 'RUNNER_ERROR' } });
    expect(stage).toMatchObject({ state: StageState.ATTEMPTING, version: 2n, outcome: Outcome.UNKNOWN });
    expect(stage.attempts).toMatchObject([
      { idx: 1, state: INCOMPLETE, failure: { message: 'lost', reason: 'RUNNER_ERROR' } },
      { idx: 2, state: PENDING, processUid: '', progress: [] },
    ]);
    expect(stage.attempts[1]?.failure).toBeUndefined();
    expect(stage.attempts[0]?.endedAt).toBeDefined();
    expect(stage.attempts[0]?.failure?.occurredAt).toBeDefined();
    const [ended, next] = [stage.attempts[0]?.endedAt, stage.attempts[1]?.availableAt];
    const waitMs =
      Number((next?.seconds ?? 0n) - (ended?.seconds ?? 0n)) * 1000 + ((next?.nanos ?? 0) - (ended?.nanos ?? 0)) / 1e6;
    expect(waitMs, 'full jitter: from none to backoff_initial').toBeGreaterThanOrEqual(0);
    expect(waitMs).toBeLessThanOrEqual(2000);
  });

  test('the backoff grows by its multiplier, full jitter below it, up to its limit', async () => {
    const plan = await attempting({
      executionPolicy: {
        maxAttempts: 60,
        backoffInitial: { seconds: 100n, nanos: 0 },
        backoffMultiplier: 10,
        backoffMax: { seconds: 4000n, nanos: 0 },
      },
    });
    for (let idx = 1; idx < 60; idx++) await plan.attempt('s', { attemptIdx: idx, state: INCOMPLETE });
    const { attempts } = await plan.stage('s');
    const waits = attempts
      .slice(1)
      .map(({ availableAt, createdAt }) => Number((availableAt?.seconds ?? 0n) - (createdAt?.seconds ?? 0n)));
    expect(waits[0]).toBeLessThanOrEqual(101);
    expect(waits[1]).toBeLessThanOrEqual(1001);
    expect(Math.max(...waits)).toBeLessThanOrEqual(4001);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits), '57 draws from 0 to 4,000 s').toBeGreaterThan(1500);
    expect(Math.min(...waits.slice(2)), '57 draws from 0 to 4,000 s').toBeLessThan(2500);
  });

  test.each([1, 2, 3, 5])('max_attempts %i', async (maxAttempts) => {
    const plan = await attempting({ executionPolicy: { maxAttempts } });
    for (let idx = 1; idx <= maxAttempts; idx++) {
      expect(await plan.stage('s')).toMatchObject({ state: StageState.ATTEMPTING });
      await plan.attempt('s', { attemptIdx: idx, failure: { message: `try ${idx}` } });
    }
    const stage = await plan.stage('s');
    expect(stage).toMatchObject({
      state: StageState.FINAL,
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.NO_RETRIES_LEFT,
    });
    expect(stage.attempts.map(({ failure }) => failure?.message)).toEqual(
      Array.from({ length: maxAttempts }, (_, i) => `try ${i + 1}`),
    );
  });

  test('max_attempts is 3 unless given', async () => {
    const plan = await attempting();
    for (let i = 0; i < 3; i++) await plan.attempt('s', { state: INCOMPLETE });
    expect(await plan.stage('s')).toMatchObject({
      state: StageState.FINAL,
      attempts: [{}, {}, { idx: 3, state: INCOMPLETE }],
    });
  });

  test('a retry that is COMPLETE makes the stage SUCCEEDED', async () => {
    const plan = await attempting();
    await plan.attempt('s', { state: INCOMPLETE });
    expect(await plan.complete('s')).toMatchObject({
      state: StageState.FINAL,
      outcome: Outcome.SUCCEEDED,
      concludedReason: ConcludedReason.ATTEMPT_COMPLETE,
      attempts: [{ state: INCOMPLETE }, { state: COMPLETE }],
    });
  });

  test('block_new_attempts ends it at once', async () => {
    const plan = await attempting();
    const stage = await plan.attempt('s', {
      state: INCOMPLETE,
      blockNewAttempts: true,
      failure: { message: 'hopeless' },
    });
    expect(stage).toMatchObject({ state: StageState.FINAL, concludedReason: ConcludedReason.ATTEMPT_BLOCKED_RETRY });
    expect(stage.attempts).toHaveLength(1);
  });

  test('a failure without a state means INCOMPLETE', async () => {
    const plan = await attempting();
    const occurredAt = { seconds: 1_700_000_000n, nanos: 5_000_000 };
    const stage = await plan.attempt('s', { failure: { message: 'crash', occurredAt } });
    expect(stage.attempts).toMatchObject([
      { state: INCOMPLETE, failure: { message: 'crash', occurredAt } },
      { state: PENDING },
    ]);
  });

  test('COMPLETE with an open continuation group: AWAITING_GROUP, without one straight on to FINAL', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'gate' }],
      stages: [{ id: 's', continuationGroup: all(onCheck('gate')) }, { id: 'free' }],
    });
    expect(await plan.complete('s')).toMatchObject({ state: StageState.AWAITING_GROUP, outcome: Outcome.UNKNOWN });
    expect(await plan.complete('free')).toMatchObject({ state: StageState.FINAL });
  });
});

describe('semantics 4: one end only', () => {
  test('of two at once the second is refused', async () => {
    const plan = await attempting({ currentAttempt: { processUid: 'me' } });
    const me = { attemptIdx: 1, processUid: 'me' };
    const ends = [plan.attempt('s', { ...me, state: COMPLETE }), plan.attempt('s', { ...me, state: INCOMPLETE })];
    const settled = await Promise.allSettled(ends);
    expect(settled.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const [first] = (await plan.stage('s')).attempts;
    expect(first?.state).toBe(settled[0]?.status === 'fulfilled' ? COMPLETE : INCOMPLETE);
  });

  test('a failure that contradicts the state is INVALID_ARGUMENT', async () => {
    const plan = await attempting();
    const failure = { message: 'no' };
    for (const state of [COMPLETE, SCHEDULED])
      await plan.refuses(write({ state, failure }), { code: 'INVALID_ARGUMENT' });
  });
});

describe('semantics 4: policy', () => {
  const policies: readonly { name: string; policy: StageWriteInit['executionPolicy']; field: string }[] = [
    { name: 'max_attempts', policy: { maxAttempts: -1 }, field: 'max_attempts' },
    { name: 'attempt_timeout', policy: { attemptTimeout: { seconds: -1n, nanos: 0 } }, field: 'attempt_timeout' },
    { name: 'heartbeat_timeout', policy: { heartbeatTimeout: { seconds: -1n, nanos: 0 } }, field: 'heartbeat_timeout' },
    {
      name: 'heartbeat_timeout < 1 s',
      policy: { heartbeatTimeout: { seconds: 0n, nanos: 999_000_000 } },
      field: 'heartbeat_timeout',
    },
    { name: 'stage_timeout', policy: { stageTimeout: { seconds: 0n, nanos: -1 } }, field: 'stage_timeout' },
    { name: 'backoff_initial', policy: { backoffInitial: { seconds: -5n, nanos: 0 } }, field: 'backoff_initial' },
    { name: 'backoff_multiplier < 1', policy: { backoffMultiplier: 0.5 }, field: 'backoff_multiplier' },
    { name: 'backoff_multiplier negative', policy: { backoffMultiplier: -2 }, field: 'backoff_multiplier' },
    { name: 'backoff_max', policy: { backoffMax: { seconds: -1n, nanos: 0 } }, field: 'backoff_max' },
  ];
  test.each(policies)('$name is INVALID_ARGUMENT', async ({ policy, field }) => {
    const plan = await server.plan();
    const expected: Expected = {
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_FIELD',
      field: `stages[0].execution_policy.${field}`,
    };
    await plan.refuses(
      { stages: [{ id: 's', ...(policy === undefined ? {} : { executionPolicy: policy }) }] },
      expected,
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'backoff_multiplier %d is INVALID_ARGUMENT',
    async (backoffMultiplier) => {
      const plan = await server.plan();
      await plan.refuses(
        { stages: [{ id: 's', executionPolicy: { backoffMultiplier } }] },
        { code: 'INVALID_ARGUMENT' },
      );
    },
  );

  test.each([
    { name: 'no backoff', policy: { backoffInitial: { seconds: 0n, nanos: 0 } } },
    {
      name: 'no backoff, huge multiplier',
      policy: { backoffInitial: { seconds: 0n, nanos: 0 }, backoffMultiplier: 1e308 },
    },
    { name: 'huge multiplier', policy: { backoffMultiplier: Number.MAX_VALUE } },
    { name: 'no limit of the backoff', policy: { backoffMax: { seconds: 0n, nanos: 0 } } },
  ])('an attempt can always end: $name', async ({ policy }) => {
    const plan = await attempting({ executionPolicy: { ...policy, maxAttempts: 6 } });
    for (let idx = 1; idx <= 6; idx++) await plan.attempt('s', { attemptIdx: idx, state: INCOMPLETE });
    expect(await plan.stage('s')).toMatchObject({
      state: StageState.FINAL,
      concludedReason: ConcludedReason.NO_RETRIES_LEFT,
    });
  });

  test.each([
    { seconds: 0n, nanos: 1_000_000_000 },
    { seconds: 1n, nanos: -5 },
    { seconds: 315_576_000_001n, nanos: 0 },
  ])('a duration that is none (%o) is INVALID_ARGUMENT', async (backoffMax) => {
    const plan = await server.plan();
    await plan.refuses(
      { stages: [{ id: 's', executionPolicy: { backoffMax } }] },
      { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' },
    );
  });

  test('heartbeat_timeout of 1 s and a multiplier of 1 are fine', async () => {
    const plan = await server.plan();
    const executionPolicy = { heartbeatTimeout: { seconds: 1n, nanos: 0 }, backoffMultiplier: 1 };
    expect((await plan.writeStage({ id: 's', executionPolicy })).executionPolicy).toMatchObject(executionPolicy);
  });
});
