import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  ConcludedReason,
  DependencyCondition,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../../gen/turboci/v1/common_pb.js';
import { answersFor, command, late, noop, once } from './harness/builtin.ts';
import { all, onCheck, onStage } from './harness/groups.ts';
import { lastAttempt, type StageWriteInit, type TestPlan } from './harness/plan.ts';
import { type Expected, refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const closed = useServer();
const server = useServer({ processExecutor: true });
const { ATTEMPTING, FINAL } = StageState;
const { PENDING, RUNNING, COMPLETE, INCOMPLETE } = AttemptState;
const soon = { backoffInitial: { seconds: 0n, nanos: 1_000_000 } };

describe('semantics 9: builtin/noop runs by itself', () => {
  test('a stage', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s')] });
    const stage = await plan.untilFinal('s');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, concludedReason: ConcludedReason.ATTEMPT_COMPLETE });
    const { state, executionId, processUid, startedAt, endedAt } = lastAttempt(stage);
    expect(state).toBe(COMPLETE);
    expect(processUid, 'the uid of a dispatched attempt is its execution_id').toBe(executionId);
    expect(executionId).not.toBe('');
    expect(startedAt).toBeDefined();
    expect(endedAt).toBeDefined();
  });

  test('a chain, stage after stage', async () => {
    const plan = await closed.plan();
    const stages = Array.from({ length: 50 }, (_, i) =>
      noop(`s${i}`, {}, i === 0 ? {} : { dependencies: all(onStage(`s${i - 1}`, DependencyCondition.SUCCEEDED)) }),
    );
    await plan.write({ stages });
    expect(await plan.untilOver()).toMatchObject({ state: WorkPlanState.COMPLETE, outcome: Outcome.SUCCEEDED });
    const ends = (await plan.query()).stages.map(({ revision }) => revision);
    expect(ends.toSorted((a, b) => Number(a - b))).toEqual(ends);
  });

  test('many at once', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: Array.from({ length: 200 }, (_, i) => noop(`s${i}`)) });
    expect(await plan.untilOver()).toMatchObject({ outcome: Outcome.SUCCEEDED });
  });

  test('args.checks is the result data to write', async () => {
    const plan = await closed.plan();
    await plan.write({
      checks: [{ id: 'a', state: CheckState.PLANNED }, { id: 'b' }],
      stages: [noop('s', { checks: { a: { size: 3 }, b: { list: [1] } } }, { assignments: answersFor('a', 'b') })],
    });
    await plan.untilFinal('s');
    expect(await plan.check('a')).toMatchObject({
      state: CheckState.FINAL,
      outcome: Outcome.SUCCEEDED,
      results: [{ ownerType: 'stage_attempt', ownerId: 's:1', data: { size: 3 } }],
    });
    expect(await plan.check('b')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('an update of a check that is FINAL already is skipped and noted, the rest applies', async () => {
    const plan = await closed.plan();
    await plan.pass('over');
    const args = { checks: { over: { late: true }, c: { size: 3 } } };
    await plan.write({ checks: [{ id: 'c' }], stages: [noop('s', args, { assignments: answersFor('c') })] });
    const stage = await plan.untilFinal('s');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ state: COMPLETE }] });
    expect(lastAttempt(stage).progress.map(({ message }) => message)).toEqual([
      expect.stringContaining('CHECK_ALREADY_FINAL'),
    ]);
    expect(await plan.check('over')).toMatchObject({ version: 1n, results: [] });
    expect(await plan.check('c')).toMatchObject({ outcome: Outcome.SUCCEEDED, results: [{ data: { size: 3 } }] });
  });

  test('an unknown check refuses the whole answer', async () => {
    const plan = await closed.plan();
    const args = { checks: { ghost: {}, c: { size: 3 } } };
    await plan.write({
      checks: [{ id: 'c', state: CheckState.PLANNED }],
      stages: [noop('s', args, { executionPolicy: once })],
    });
    expect(await plan.untilFinal('s')).toMatchObject({
      outcome: Outcome.FAILED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'RUNNER_ERROR' } }],
    });
    expect(await plan.check('c')).toMatchObject({ state: CheckState.WAITING, results: [] });
  });

  test('a long plan does not hold up a short one', async () => {
    const [long, short] = [await closed.plan(), await closed.plan()];
    await long.write({ stages: Array.from({ length: 200 }, (_, i) => noop(`s${i}`, { delay: '50ms' })) });
    await short.write({ stages: [noop('s')] });
    await short.untilFinal('s');
    expect(await long.get()).toMatchObject({ state: WorkPlanState.ACTIVE });
    await long.cancel();
  });

  test('args.fail fails every attempt, retried by policy', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { fail: 'no luck' }, { executionPolicy: { ...soon, maxAttempts: 3 } })] });
    const stage = await plan.untilFinal('s');
    expect(stage).toMatchObject({ outcome: Outcome.FAILED, concludedReason: ConcludedReason.NO_RETRIES_LEFT });
    const failed = { state: INCOMPLETE, failure: { message: 'no luck' } };
    expect(stage.attempts).toMatchObject([failed, failed, failed]);
    expect(new Set(stage.attempts.map(({ executionId }) => executionId)).size).toBe(3);
  });

  test('a retry waits for available_at; RunStage does not', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { fail: 'no luck' }, { executionPolicy: { ...late, maxAttempts: 2 } })] });
    const waiting = await plan.untilStage('s', 'its second attempt', ({ attempts }) => attempts.length === 2);
    expect(lastAttempt(waiting)).toMatchObject({ state: PENDING, executionId: '' });
    expect(await plan.runStage('s', true)).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      attempts: [{}, { state: INCOMPLETE }],
    });
  });

  test('args.delay', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '150ms' })] });
    const { startedAt, endedAt } = lastAttempt(await plan.untilFinal('s'));
    const ms =
      Number((endedAt?.seconds ?? 0n) - (startedAt?.seconds ?? 0n)) * 1000 +
      ((endedAt?.nanos ?? 0) - (startedAt?.nanos ?? 0)) / 1e6;
    expect(ms).toBeGreaterThanOrEqual(140);
  });

  test('a writer may not claim what the server runs', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '1m' })] });
    await plan.untilStage('s', 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    const claimed: Expected = { code: 'FAILED_PRECONDITION', reason: 'ATTEMPT_CLAIMED' };
    await refused(plan.attempt('s', { processUid: 'intruder' }), claimed);
    await refused(plan.attempt('s', { processUid: 'intruder', state: COMPLETE }), claimed);
    await plan.cancelStage('s');
    expect(await plan.untilFinal('s')).toMatchObject({
      outcome: Outcome.CANCELLED,
      concludedReason: ConcludedReason.CANCELLED,
    });
  });

  test("a writer's FINAL stops it", async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '1m' })] });
    await plan.untilStage('s', 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    await plan.writeStage({ id: 's', state: FINAL });
    expect(await plan.untilFinal('s')).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ state: COMPLETE }] });
  });

  test('a cancelled plan stops it', async () => {
    const plan = await closed.plan();
    await plan.write({ checks: [{ id: 'c' }], stages: [noop('s', { delay: '1m' }, { assignments: answersFor('c') })] });
    await plan.untilStage('s', 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    await plan.cancel();
    expect(await plan.untilFinal('s')).toMatchObject({
      outcome: Outcome.CANCELLED,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'CANCELLED' } }],
    });
    expect(await plan.check('c')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED });
  });
});

test('semantics 4: a builtin that fails ends within its policy, whatever the backoff', async () => {
  const plan = await closed.plan();
  const executionPolicy = { maxAttempts: 5, backoffInitial: { seconds: 0n, nanos: 0 }, backoffMultiplier: 1e308 };
  await plan.write({ stages: [noop('s', { fail: 'no' }, { executionPolicy })] });
  expect(await plan.untilFinal('s', 5000)).toMatchObject({ outcome: Outcome.FAILED });
});

describe('semantics 9: runner types', () => {
  test('an unknown builtin is INVALID_ARGUMENT when written', async () => {
    const plan = await closed.plan();
    const expected: Expected = { code: 'INVALID_ARGUMENT', reason: 'UNKNOWN_EXECUTOR', field: 'stages[1].runner_type' };
    for (const runnerType of ['builtin/teleport', 'builtin/', 'builtin/NOOP']) {
      await plan.refuses({ stages: [{ id: 'fine' }, { id: 's', runnerType }] }, expected);
    }
  });

  test('one that is switched off is FAILED_PRECONDITION', async () => {
    const plan = await closed.plan();
    const stages = [command('s', { command: 'true' })];
    await plan.refuses({ stages }, { code: 'FAILED_PRECONDITION', reason: 'EXECUTOR_DISABLED' });
  });

  test('anything else waits for a runner, an empty one for its writer', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [{ id: 'r', runnerType: 'docker/linux' }, { id: 'w' }, noop('after')] });
    await plan.untilFinal('after');
    for (const id of ['r', 'w'])
      expect(lastAttempt(await plan.stage(id))).toMatchObject({ state: PENDING, executionId: '' });
  });
});

describe('api: RunStage', () => {
  const notRunnable: Expected = { code: 'FAILED_PRECONDITION', reason: 'NOT_RUNNABLE' };

  test('refused when the stage is not builtin or not ATTEMPTING', async () => {
    const plan = await closed.plan();
    await plan.write({
      checks: [{ id: 'gate' }],
      stages: [{ id: 'w' }, noop('held', {}, { dependencies: all(onCheck('gate')) }), noop('done')],
    });
    await plan.untilFinal('done');
    const before = await plan.snapshot();
    for (const id of ['w', 'held', 'done']) await refused(plan.runStage(id), notRunnable);
    await refused(plan.runStage('ghost'), { code: 'NOT_FOUND', reason: 'STAGE_NOT_FOUND' });
    await plan.expectUnchanged(before);
  });

  test('a running attempt is simply returned', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '1m' })] });
    const running = await plan.untilStage('s', 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    expect((await plan.runStage('s')).attempts).toMatchObject([
      { idx: 1, executionId: lastAttempt(running).executionId },
    ]);
    await plan.cancelStage('s');
  });

  test('wait answers when the stage has left ATTEMPTING', async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '200ms' })] });
    expect(await plan.runStage('s', true)).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test("wait ends with the call's deadline; the stage goes on", async () => {
    const plan = await closed.plan();
    await plan.write({ stages: [noop('s', { delay: '1m' })] });
    const call = closed.calls.runStage(
      { workPlanId: plan.id, stageId: 's', wait: true },
      { deadline: Date.now() + 300 },
    );
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await plan.stage('s')).toMatchObject({ state: ATTEMPTING });
    await plan.cancelStage('s');
  });
});

describe('semantics 9: after the end of the server process', () => {
  test('a running builtin attempt is INCOMPLETE(SERVER_RESTART) and retried by policy', async () => {
    const { id } = await start(server.plan(), [
      command('retried', { command: 'sleep 60' }, { executionPolicy: { maxAttempts: 2, ...late } }),
      command('once', { command: 'sleep 60' }),
      noop('noop', { delay: '1m' }, { executionPolicy: { maxAttempts: 2, ...late } }),
    ]);
    await server.restart();
    const plan = server.open(id);
    const restarted = { state: INCOMPLETE, failure: { reason: 'SERVER_RESTART' } };
    expect(await plan.untilFinal('once')).toMatchObject({ outcome: Outcome.FAILED, attempts: [restarted] });
    for (const stage of ['retried', 'noop']) {
      expect(await plan.untilStage(stage, 'its second attempt', ({ attempts }) => attempts.length === 2)).toMatchObject(
        { state: ATTEMPTING, attempts: [restarted, { idx: 2, state: PENDING }] },
      );
    }
    await plan.runStage('noop');
    await plan.untilStage('noop', 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    await plan.cancel();
  });

  test('what was waiting goes on; a writer-driven attempt stands', async () => {
    const { id } = await start(server.plan(), [{ id: 'w', currentAttempt: { processUid: 'me' } }]);
    const before = server.open(id);
    await before.write({ stages: [noop('next', {}, { dependencies: all(onStage('w')) })] });
    await server.restart();
    const plan = server.open(id);
    expect(await plan.stage('w')).toMatchObject({
      state: ATTEMPTING,
      attempts: [{ state: RUNNING, processUid: 'me' }],
    });
    await plan.attempt('w', { processUid: 'me', attemptIdx: 1, state: COMPLETE });
    expect(await plan.untilFinal('next')).toMatchObject({ outcome: Outcome.SUCCEEDED });
  });

  async function start(planned: Promise<TestPlan>, stages: StageWriteInit[]): Promise<TestPlan> {
    const plan = await planned;
    await plan.write({ stages });
    for (const { id = '' } of stages)
      await plan.untilStage(id, 'RUNNING', (stage) => lastAttempt(stage).state === RUNNING);
    return plan;
  }
});
