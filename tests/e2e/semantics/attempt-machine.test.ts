import { describe, expect, test } from 'vitest';
import { AttemptState, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
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
