import { describe, expect, test } from 'vitest';
import { AttemptState, ConcludedReason, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import { type AttemptWriteInit, lastAttempt, type StageWriteInit, type TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PENDING, SCHEDULED, RUNNING, COMPLETE, INCOMPLETE } = AttemptState;
const states = { PENDING, SCHEDULED, RUNNING, COMPLETE, INCOMPLETE };
type Name = keyof typeof states;

const illegal: Expected = { code: 'FAILED_PRECONDITION', reason: 'ILLEGAL_TRANSITION' };
const claimed: Expected = { code: 'FAILED_PRECONDITION', reason: 'ATTEMPT_CLAIMED' };
const stale: Expected = { code: 'FAILED_PRECONDITION', reason: ['STALE_ATTEMPT', 'NO_LIVE_ATTEMPT'] };
const notLive: Expected = { code: 'FAILED_PRECONDITION', reason: ['NO_LIVE_ATTEMPT', 'STALE_ATTEMPT', 'NODE_FINAL'] };

/** A plan whose stage `s` is ATTEMPTING. */
async function attempting(stage: StageWriteInit = {}): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ stages: [{ ...stage, id: 's' }] });
  return plan;
}

const live = async (plan: TestPlan) => lastAttempt(await plan.stage('s'));
const write = (currentAttempt: AttemptWriteInit) => ({ stages: [{ id: 's', currentAttempt }] });

describe('semantics 4: the table of attempt states, by a writer', () => {
  /** The writes that bring attempt 1 there; none of them leads to a second one. */
  const arrange: Readonly<Record<Name, readonly AttemptWriteInit[]>> = {
    PENDING: [],
    SCHEDULED: [{ state: SCHEDULED }],
    RUNNING: [{ state: RUNNING, processUid: 'me' }],
    COMPLETE: [{ state: COMPLETE }],
    INCOMPLETE: [{ state: INCOMPLETE, blockNewAttempts: true }],
  };
  const cells: readonly { from: Name; to: Name; verdict: 'moves' | 'no-op' | Expected }[] = [
    { from: 'PENDING', to: 'PENDING', verdict: 'no-op' },
    { from: 'PENDING', to: 'SCHEDULED', verdict: 'moves' },
    { from: 'PENDING', to: 'RUNNING', verdict: 'moves' },
    { from: 'PENDING', to: 'COMPLETE', verdict: 'moves' },
    { from: 'PENDING', to: 'INCOMPLETE', verdict: 'moves' },
    { from: 'SCHEDULED', to: 'PENDING', verdict: illegal },
    { from: 'SCHEDULED', to: 'SCHEDULED', verdict: 'no-op' },
    { from: 'SCHEDULED', to: 'RUNNING', verdict: 'moves' },
    { from: 'SCHEDULED', to: 'COMPLETE', verdict: 'moves' },
    { from: 'SCHEDULED', to: 'INCOMPLETE', verdict: 'moves' },
    { from: 'RUNNING', to: 'PENDING', verdict: illegal },
    { from: 'RUNNING', to: 'SCHEDULED', verdict: illegal },
    { from: 'RUNNING', to: 'RUNNING', verdict: 'no-op' },
    { from: 'RUNNING', to: 'COMPLETE', verdict: 'moves' },
    { from: 'RUNNING', to: 'INCOMPLETE', verdict: 'moves' },
    { from: 'COMPLETE', to: 'PENDING', verdict: notLive },
    { from: 'COMPLETE', to: 'SCHEDULED', verdict: notLive },
    { from: 'COMPLETE', to: 'RUNNING', verdict: notLive },
    { from: 'COMPLETE', to: 'COMPLETE', verdict: 'no-op' },
    { from: 'COMPLETE', to: 'INCOMPLETE', verdict: notLive },
    { from: 'INCOMPLETE', to: 'PENDING', verdict: notLive },
    { from: 'INCOMPLETE', to: 'SCHEDULED', verdict: notLive },
    { from: 'INCOMPLETE', to: 'RUNNING', verdict: notLive },
    { from: 'INCOMPLETE', to: 'COMPLETE', verdict: notLive },
    { from: 'INCOMPLETE', to: 'INCOMPLETE', verdict: 'no-op' },
  ];
  test.each(cells)('$from → $to', async ({ from, to, verdict }) => {
    const plan = await attempting();
    for (const step of arrange[from]) await plan.attempt('s', step);
    expect(await live(plan)).toMatchObject({ idx: 1, state: states[from] });
    const move = write({ state: states[to], ...(to === 'RUNNING' ? { processUid: 'me' } : {}) });
    if (verdict === 'no-op') {
      await plan.ignores(move);
    } else if (verdict === 'moves') {
      const { stages } = await plan.write(move);
      expect(stages[0]?.attempts[0]?.state).toBe(states[to]);
      expect(await plan.stage('s')).toEqual(stages[0]);
    } else {
      await plan.refuses(move, verdict);
    }
  });

  test('a PLANNED stage has no attempt to write to', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', dependencies: all(onCheck('gate')) }] });
    for (const attempt of [{ state: RUNNING, processUid: 'me' }, { processUid: 'me' }, { state: COMPLETE }]) {
      await plan.refuses(write(attempt), notLive);
    }
  });

  test('a stage in AWAITING_GROUP has none either', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', continuationGroup: all(onCheck('gate')) }] });
    await plan.complete('s');
    for (const attempt of [{ state: INCOMPLETE }, { processUid: 'me' }, { details: { late: true } }]) {
      await plan.refuses(write(attempt), notLive);
    }
  });
});

describe('semantics 4: claim', () => {
  test.each([
    { name: 'state and uid in one write', claim: { state: RUNNING, processUid: 'me' } },
    { name: 'the uid alone', claim: { processUid: 'me' } },
    { name: 'from SCHEDULED', first: { state: SCHEDULED }, claim: { processUid: 'me' } },
  ])('$name: RUNNING', async ({ first, claim }) => {
    const plan = await attempting();
    if (first !== undefined) await plan.attempt('s', first);
    const attempt = lastAttempt(await plan.attempt('s', claim));
    expect(attempt).toMatchObject({ state: RUNNING, processUid: 'me' });
    expect(attempt.startedAt).toBeDefined();
  });

  test('the same uid again succeeds and changes nothing', async () => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'me' });
    await plan.ignores(write({ processUid: 'me' }));
    await plan.ignores(write({ processUid: 'me', state: RUNNING }));
    await plan.ignores(write({ processUid: 'me', attemptIdx: 1 }));
  });

  test.each([{ state: RUNNING }, {}])('another uid is refused and the holder named (%o)', async (also) => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'the-holder' });
    const refusal = await plan.refuses(write({ ...also, processUid: 'intruder' }), claimed);
    expect([refusal.message, ...Object.values(refusal.info?.metadata ?? {})].join(' ')).toContain('the-holder');
  });

  test('RUNNING without a uid is INVALID_ARGUMENT', async () => {
    const plan = await attempting();
    const field = 'stages[0].current_attempt.process_uid';
    const expected: Expected = { code: 'INVALID_ARGUMENT', reason: 'PROCESS_UID_REQUIRED', field };
    await plan.refuses(write({ state: RUNNING }), expected);
    await plan.attempt('s', { state: SCHEDULED });
    await plan.refuses(write({ state: RUNNING }), expected);
  });

  test('RUNNING without a uid on an attempt that is RUNNING already is a no-op', async () => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'me' });
    await plan.ignores(write({ state: RUNNING }));
  });

  test('of many at once exactly one gets it', async () => {
    const plan = await attempting();
    const uids = Array.from({ length: 20 }, (_, i) => `runner-${i}`);
    const claims = await Promise.allSettled(uids.map((processUid) => plan.attempt('s', { processUid, attemptIdx: 1 })));
    const winners = uids.filter((_, i) => claims[i]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await live(plan)).toMatchObject({ state: RUNNING, processUid: winners[0] });
    expect(await plan.stage('s')).toMatchObject({ version: 2n });
  });

  test('the next attempt is claimed anew', async () => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'first', state: INCOMPLETE });
    await plan.refuses(write({ processUid: 'first', attemptIdx: 1, details: { a: 1 } }), stale);
    const stage = await plan.attempt('s', { processUid: 'second', attemptIdx: 2 });
    expect(stage.attempts).toMatchObject([
      { idx: 1, processUid: 'first', state: INCOMPLETE },
      { idx: 2, processUid: 'second', state: RUNNING },
    ]);
  });
});

describe('semantics 4: fencing', () => {
  const payloads: readonly AttemptWriteInit[] = [
    { state: COMPLETE },
    { state: INCOMPLETE },
    { details: { a: 1 } },
    { progress: { message: 'half' } },
    { failure: { message: 'no' } },
  ];

  test('attempt_idx must be the live attempt', async () => {
    const plan = await attempting();
    for (const payload of payloads) await plan.refuses(write({ ...payload, attemptIdx: 2 }), stale);
    await plan.attempt('s', { state: INCOMPLETE });
    for (const payload of payloads) await plan.refuses(write({ ...payload, attemptIdx: 1 }), stale);
    expect(lastAttempt(await plan.attempt('s', { attemptIdx: 2, details: { a: 1 } }))).toMatchObject({
      idx: 2,
      details: { a: 1 },
    });
  });

  test('a uid that is not the holder may neither end nor report', async () => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'holder' });
    for (const payload of payloads) {
      await plan.refuses(write({ ...payload, processUid: 'other' }), claimed);
      await plan.refuses(write({ ...payload, processUid: 'other', attemptIdx: 1 }), claimed);
    }
  });

  test.each([...payloads])('an unclaimed attempt takes the uid with it: %o', async (payload) => {
    const plan = await attempting();
    const { attempts } = await plan.attempt('s', { ...payload, processUid: 'me', attemptIdx: 1 });
    const ends = payload.state ?? (payload.failure === undefined ? RUNNING : INCOMPLETE);
    expect(attempts[0]).toMatchObject({ processUid: 'me', state: ends });
  });

  test.each([...payloads])('a write that names neither is accepted for the live attempt: %o', async (payload) => {
    const plan = await attempting();
    await plan.attempt('s', { processUid: 'holder' });
    const { version, attempts } = await plan.attempt('s', payload);
    expect(version).toBe(3n);
    expect(attempts[0]).toMatchObject({ processUid: 'holder' });
  });

  test('the holder reports and ends', async () => {
    const plan = await attempting();
    const me = { processUid: 'me', attemptIdx: 1 };
    await plan.attempt('s', me);
    await plan.attempt('s', { ...me, details: { a: 1 } });
    const stage = await plan.attempt('s', { ...me, state: COMPLETE, details: { b: 2 } });
    expect(stage).toMatchObject({ state: StageState.FINAL, attempts: [{ state: COMPLETE, details: { a: 1, b: 2 } }] });
  });
});

describe("semantics 4: judged after the stage's own advance in the same write", () => {
  test('with the creating write', async () => {
    const plan = await server.plan();
    const { stages } = await plan.write(write({ processUid: 'me', attemptIdx: 1, details: { a: 1 } }));
    expect(stages).toMatchObject([
      { version: 1n, attempts: [{ state: RUNNING, processUid: 'me', details: { a: 1 } }] },
    ]);
  });

  test('created, done and FINAL in one write', async () => {
    const plan = await server.plan();
    const { stages } = await plan.write(write({ processUid: 'me', state: COMPLETE }));
    expect(stages).toMatchObject([{ version: 1n, state: StageState.FINAL, outcome: Outcome.SUCCEEDED }]);
  });

  test('with the write that satisfies the dependencies', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', dependencies: all(onCheck('gate')) }] });
    await plan.write({ ...write({ processUid: 'me' }), checks: [{ id: 'gate', state: 40 }] });
    expect(await live(plan)).toMatchObject({ idx: 1, state: RUNNING, processUid: 'me' });
  });

  test('refused with a creating write whose dependencies are open', async () => {
    const plan = await server.plan();
    const stages = [{ id: 's', dependencies: all(onCheck('gate')), currentAttempt: { processUid: 'me' } }];
    await plan.refuses({ checks: [{ id: 'gate' }], stages }, notLive);
  });
});

describe('semantics 4: details', () => {
  test('merge by RFC 7396 until the attempt ends', async () => {
    const plan = await attempting();
    await plan.attempt('s', { details: { a: 1, b: { c: 2, d: 3 } } });
    expect(lastAttempt(await plan.attempt('s', { details: { a: null, b: { d: null, e: 4 } } })).details).toEqual({
      b: { c: 2, e: 4 },
    });
    await plan.ignores(write({ details: { b: { c: 2 }, gone: null } }));
    expect(lastAttempt(await plan.attempt('s', { state: COMPLETE, details: { end: true } })).details).toEqual({
      b: { c: 2, e: 4 },
      end: true,
    });
    await plan.refuses(write({ details: { end: false } }), notLive);
  });

  test('each attempt has its own', async () => {
    const plan = await attempting();
    await plan.attempt('s', { details: { a: 1 }, state: INCOMPLETE });
    const { attempts } = await plan.attempt('s', { details: { b: 2 } });
    expect(attempts.map(({ details }) => details)).toEqual([{ a: 1 }, { b: 2 }]);
  });
});

describe('semantics 4: progress', () => {
  test('is append-only', async () => {
    const plan = await attempting();
    for (const message of ['fetch', 'build', 'build', 'test']) await plan.attempt('s', { progress: { message } });
    const { progress } = await live(plan);
    expect(progress.map(({ message }) => message)).toEqual(['fetch', 'build', 'build', 'test']);
    expect(
      progress.every(({ timestamp }) => timestamp !== undefined),
      'a time even when the writer gives none',
    ).toBe(true);
  });

  const entry = { message: 'built', details: { files: 3, list: [1, 2] }, percent: 40, idempotencyKey: 'k1' };

  test('a known key: swallowed if equal, ALREADY_EXISTS if different', async () => {
    const plan = await attempting();
    await plan.attempt('s', { progress: entry });
    await plan.ignores(write({ progress: entry }));
    await plan.ignores(write({ progress: { ...entry, details: { list: [1, 2], files: 3 } } }));
    const reused: Expected = { code: 'ALREADY_EXISTS', reason: 'IDEMPOTENCY_KEY_REUSED' };
    await plan.refuses(write({ progress: { ...entry, message: 'other' } }), reused);
    await plan.refuses(write({ progress: { ...entry, percent: 41 } }), reused);
    await plan.refuses(write({ progress: { ...entry, details: { files: 4 } } }), reused);
    await plan.attempt('s', { progress: { ...entry, message: 'tested', idempotencyKey: 'k2' } });
    expect((await live(plan)).progress).toMatchObject([entry, { message: 'tested', idempotencyKey: 'k2' }]);
  });

  test('keys belong to an attempt', async () => {
    const plan = await attempting();
    await plan.attempt('s', { progress: entry });
    await plan.attempt('s', { state: INCOMPLETE });
    await plan.attempt('s', { progress: { ...entry, message: 'again' } });
    expect((await live(plan)).progress).toMatchObject([{ message: 'again' }]);
  });

  test('percent is 0–100 and the last one is shown', async () => {
    const plan = await attempting();
    const field = 'stages[0].current_attempt.progress.percent';
    for (const percent of [-1, 101]) {
      await plan.refuses(write({ progress: { message: 'x', percent } }), {
        code: 'INVALID_ARGUMENT',
        reason: 'INVALID_FIELD',
        field,
      });
    }
    for (const percent of [0, 100, 55]) await plan.attempt('s', { progress: { message: 'x', percent } });
    await plan.attempt('s', { progress: { message: 'without' } });
    const attempt = await live(plan);
    expect(attempt.progress.map(({ percent }) => percent)).toEqual([0, 100, 55, undefined]);
    expect(attempt.progressPercent).toBe(55);
  });
});

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

  test('heartbeat_timeout of 1 s and a multiplier of 1 are fine', async () => {
    const plan = await server.plan();
    const executionPolicy = { heartbeatTimeout: { seconds: 1n, nanos: 0 }, backoffMultiplier: 1 };
    expect((await plan.writeStage({ id: 's', executionPolicy })).executionPolicy).toMatchObject(executionPolicy);
  });
});
