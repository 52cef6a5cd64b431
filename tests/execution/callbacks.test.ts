import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { type Expected, refused } from '../e2e/semantics/harness/refusal.ts';
import { inHand, reportedKinds } from './harness/in-hand.ts';
import { milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';

const server = useExecutionServer();
const final = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;
const ended: Expected = { code: 'FAILED_PRECONDITION', reason: ['EXECUTION_ENDED', 'STALE_ATTEMPT'] };
/** An enum number that no enum has. */
const UNHEARD_OF: number = 7;
const once = { executionPolicy: { maxAttempts: 1 } };
const checked = { checks: [{ id: 'unit' }, { id: 'lint' }] };
const answer = {
  checkUpdates: [
    { checkId: 'unit', state: CheckState.FINAL, resultData: { passed: 10, of: 12 }, failure: { message: '2 failed' } },
    { checkId: 'lint', state: CheckState.FINAL, resultData: {} },
  ],
  details: { log: 'x.txt' },
};

describe.each(reportedKinds)('the end of an execution (%s)', (kind) => {
  test('is acknowledged again when it is reported again, and nothing happens twice', async () => {
    const { scene, executionId } = await inHand(server, kind, {}, checked);
    expect(await scene.complete(executionId, answer)).toBe(true);
    const before = await scene.plan.snapshot();
    expect(await scene.complete(executionId, answer)).toBe(true);
    expect(await scene.complete(executionId, answer)).toBe(true);
    await scene.plan.expectUnchanged(before);
    expect(await scene.plan.stage('build')).toMatchObject({ ...final, attempts: [{ details: { log: 'x.txt' } }] });
    expect(await scene.plan.check('unit')).toMatchObject({ outcome: Outcome.FAILED, results: [{}] });
  });

  test('with a failure is acknowledged again, also when a retry has begun since', async () => {
    const { scene, executionId } = await inHand(server, kind, { executionPolicy: { maxAttempts: 2 } });
    const failure = { message: 'no disk', reason: 'INFRA' };
    expect(await scene.complete(executionId, { failure })).toBe(true);
    await scene.plan.untilStage('build', 'a second attempt', ({ attempts }) => attempts.length === 2);
    expect(await scene.complete(executionId, { failure })).toBe(true);
    const { attempts } = await scene.plan.stage('build');
    expect(attempts).toMatchObject([{ state: AttemptState.INCOMPLETE, failure }, { idx: 2 }]);
    await scene.plan.cancel();
  });

  test.each([
    { other: 'a failure', change: { failure: { message: 'no' } } },
    { other: 'a verdict', change: { failure: { message: 'no' }, stageState: StageState.FINAL } },
    { other: 'other details', change: { details: { log: 'y.txt' } } },
    { other: 'fewer check updates', change: { checkUpdates: answer.checkUpdates.slice(1) } },
    {
      other: 'other data',
      change: {
        checkUpdates: [{ ...answer.checkUpdates[0], resultData: { passed: 11, of: 12 } }, answer.checkUpdates[1] ?? {}],
      },
    },
  ])('is not taken back for $other', async ({ change }) => {
    const { scene, executionId } = await inHand(server, kind, once, checked);
    await scene.complete(executionId, answer);
    const before = await scene.plan.snapshot();
    await refused(scene.complete(executionId, { ...answer, ...change }), ended);
    await scene.plan.expectUnchanged(before);
    expect(await scene.complete(executionId, answer), 'the first one still stands').toBe(true);
  });

  test('is one of several that are reported at the same time', async () => {
    const { scene, executionId } = await inHand(server, kind, once);
    const reports = Array.from({ length: 8 }, (_, index) => scene.complete(executionId, { details: { index } }));
    const taken = (await Promise.allSettled(reports)).filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(1);
    expect(await scene.plan.stage('build')).toMatchObject({
      ...final,
      attempts: [{ details: { index: expect.any(Number) } }],
    });
  });

  test('leaves no room for updates', async () => {
    const { scene, executionId } = await inHand(server, kind);
    await scene.complete(executionId);
    const before = await scene.plan.snapshot();
    await refused(scene.update(executionId), ended);
    await refused(scene.update(executionId, { message: 'still here', progressPercent: 99, details: { a: 1 } }), ended);
    await scene.plan.expectUnchanged(before);
  });

  test('that comes after a timeout is refused and changes nothing', async () => {
    const also = { executionPolicy: { maxAttempts: 2, attemptTimeout: milliseconds(1000) } };
    const { scene, executionId } = await inHand(server, kind, also, checked);
    await scene.plan.untilStage('build', 'a second attempt', ({ attempts }) => attempts.length === 2);
    await refused(scene.complete(executionId, answer), ended);
    await refused(scene.update(executionId), ended);
    expect(await scene.plan.check('unit')).toMatchObject({ state: CheckState.PLANNING, results: [] });
    expect((await scene.plan.stage('build')).attempts[0]).toMatchObject({
      state: AttemptState.INCOMPLETE,
      failure: { reason: 'TIMEOUT' },
    });
    await scene.plan.cancel();
  });

  test('must not leave the stage where it is', async () => {
    const { scene, executionId, attempt } = await inHand(server, kind);
    const before = await scene.plan.snapshot();
    for (const stageState of [StageState.PLANNED, StageState.ATTEMPTING]) {
      await refused(scene.complete(executionId, { stageState }), { code: 'INVALID_ARGUMENT', field: 'stage_state' });
    }
    await scene.plan.expectUnchanged(before);
    expect(await attempt()).toMatchObject({ executionId });
    expect(await scene.complete(executionId, { stageState: StageState.AWAITING_GROUP })).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject(final);
  });
});

describe('reports that a runner sends twice at the same time', () => {
  test.each(['async', 'pull'])('are both acknowledged (%s)', async (how) => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(how === 'pull' ? { serves: false, pullWaitMs: 10_000 } : {});
    await scene.plan.write({
      stages: [
        scene.async('good', { answers: 3, answer: { details: { a: 1 } } }),
        scene.async('bad', [{ answers: 3, do: 'fail' }, {}]),
      ],
    });
    expect(await scene.plan.untilFinal('good')).toMatchObject({ ...final, attempts: [{ details: { a: 1 } }] });
    expect(await scene.plan.untilFinal('bad')).toMatchObject({ ...final, attempts: [{}, {}] });
    await runner.until('complete', undefined, 7);
    expect(runner.seen('complete').map(({ outcome }) => outcome)).toEqual(Array(7).fill('OK'));
  });
});

describe('a Run that is reported by CompleteStageExecution as well', () => {
  test('counts once', async () => {
    const scene = await Scene.open(server);
    await scene.runner({ maxConcurrent: 1 });
    const checkUpdates = [{ checkId: 'unit', state: 'CHECK_STATE_FINAL', resultData: { passed: 1 } }];
    const act = { answers: 3, answer: { checkUpdates, details: { a: 1 } } };
    await scene.plan.write({ ...checked, stages: [scene.sync('build', act), scene.sync('next')] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({ ...final, attempts: [{ details: { a: 1 } }] });
    expect(await scene.plan.untilFinal('next')).toMatchObject({ ...final, attempts: [{ idx: 1 }] });
    expect(await scene.plan.check('unit')).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      results: [{ data: { passed: 1 } }],
    });
    expect(await scene.only()).toMatchObject({ currentLoad: 0, suspended: false });
  });
});

describe('reports that are refused', () => {
  test('of an execution that nobody knows', async () => {
    const scene = await Scene.open(server);
    const unknown: Expected = { code: 'NOT_FOUND', reason: 'EXECUTION_NOT_FOUND' };
    await refused(scene.update('no-such-execution'), unknown);
    await refused(scene.complete('no-such-execution'), unknown);
  });

  test('without an execution', async () => {
    const scene = await Scene.open(server);
    const expected: Expected = { code: 'INVALID_ARGUMENT', field: 'execution_id' };
    await refused(scene.update(''), expected);
    await refused(scene.complete(''), expected);
  });

  test('with fields that are wrong in themselves; the execution goes on', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', {}, checked);
    const before = await scene.plan.snapshot();
    const wrong = (field: string): Expected => ({ code: 'INVALID_ARGUMENT', field });
    for (const progressPercent of [-1, 101]) {
      await refused(scene.update(executionId, { progressPercent }), wrong('progress_percent'));
    }
    await refused(scene.complete(executionId, { stageState: UNHEARD_OF }), wrong('stage_state'));
    const [unit] = answer.checkUpdates;
    const updates = (...checkUpdates: object[]) => scene.complete(executionId, { checkUpdates });
    await refused(updates({ ...unit, checkId: '' }), wrong('check_updates[0].check_id'));
    await refused(updates({ ...unit }, { checkId: 'lint', state: UNHEARD_OF }), wrong('check_updates[1].state'));
    await refused(updates({ ...unit }, { checkId: 'unit' }), wrong('check_updates[1].check_id'));
    await scene.plan.expectUnchanged(before);
    expect(await scene.complete(executionId, answer)).toBe(true);
    expect(lastAttempt(await scene.plan.stage('build')).state).toBe(AttemptState.COMPLETE);
  });
});
