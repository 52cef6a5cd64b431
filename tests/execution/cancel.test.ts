import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  ConcludedReason,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../gen/turboci/v1/common_pb.js';
import { all, onCheck, onStage } from '../e2e/semantics/harness/groups.ts';
import { refused } from '../e2e/semantics/harness/refusal.ts';
import { waitFor } from '../support/wait-for.ts';
import { inHand, reportedKinds } from './harness/in-hand.ts';
import { inMilliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { ways } from './harness/ways.ts';

const server = useExecutionServer();
const { COMPLETE, INCOMPLETE, PENDING } = AttemptState;
const cancelled = {
  state: StageState.FINAL,
  outcome: Outcome.CANCELLED,
  concludedReason: ConcludedReason.CANCELLED,
} as const;

describe.each(ways)('a cancelled stage that a runner executes ($way)', ({ way, mode, options }) => {
  test('is stopped: its runner is told, and no other attempt follows', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    await scene.plan.write({ stages: [scene[mode]('build', { hold: true, beatMs: 200 })] });
    const { executionId } = await runner.until('start', 'build');
    expect(await scene.plan.cancelStage('build', 'superseded')).toMatchObject({
      state: StageState.ATTEMPTING,
      cancelledAt: expect.anything(),
    });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject(cancelled);
    expect(stage.attempts).toMatchObject([{ executionId, state: INCOMPLETE, failure: { reason: 'CANCELLED' } }]);
    expect(await runner.until('end', 'build')).toMatchObject({ outcome: 'stopped' });
    if (way === 'Acquire') expect(await runner.until('cancel-flag', 'build')).toMatchObject({ outcome: 'OK' });
    else expect(await runner.until('cancel', 'build')).toMatchObject({ reason: expect.stringContaining('superseded') });
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('is SUCCEEDED when its runner completes within the grace time, and its updates are stored', async () => {
    const scene = await Scene.open(server);
    await scene.runner(options);
    const checkUpdates = [{ checkId: 'unit', state: 'CHECK_STATE_FINAL', resultData: { passed: 1 } }];
    const act = { hold: true, beatMs: 200, onCancel: 'end', answer: { checkUpdates } } as const;
    await scene.plan.write({ checks: [{ id: 'unit' }], stages: [scene[mode]('build', act)] });
    await scene.plan.untilStage('build', 'RUNNING', ({ attempts }) => attempts[0]?.state === AttemptState.RUNNING);
    await scene.plan.cancelStage('build');
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ state: COMPLETE }] });
    expect((await scene.plan.check('unit')).results).toMatchObject([{ data: { passed: 1 } }]);
  });
});

describe('a cancelled stage', () => {
  test('ends at once while nobody has its attempt', async () => {
    const scene = await Scene.open(server);
    const { stages } = await scene.plan.write({ stages: [scene.sync('one'), scene.async('two')] });
    expect(stages.map(({ state }) => state)).toEqual(Array(2).fill(StageState.ATTEMPTING));
    for (const id of ['one', 'two']) {
      expect(await scene.plan.cancelStage(id)).toMatchObject({ ...cancelled, attempts: [{ state: INCOMPLETE }] });
    }
    const runner = await scene.runner();
    const marker = await scene.another();
    await marker.plan.write({ stages: [marker.sync('marker')] });
    await marker.plan.untilFinal('marker');
    expect(runner.seen('start').map(({ stage }) => stage)).toEqual(['marker']);
  });

  test.each(reportedKinds)('says so in the answers to updates (%s)', async (kind) => {
    const { scene, executionId } = await inHand(server, kind);
    expect(await scene.update(executionId)).toMatchObject({ cancelRequested: false });
    await scene.plan.cancelStage('build');
    expect(await scene.update(executionId)).toMatchObject({ cancelRequested: true });
    expect(await scene.update(executionId, { message: 'cleaning up' })).toMatchObject({ cancelRequested: true });
    await scene.complete(executionId, { failure: { message: 'stopped' } });
    expect(await scene.plan.stage('build')).toMatchObject({
      ...cancelled,
      attempts: [{ failure: { message: 'stopped', reason: 'CANCELLED' }, progress: [{ message: 'cleaning up' }] }],
    });
  });

  test('that its runner has not accepted yet is stopped all the same', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.async('build', { accepts: 'last', hold: true })] });
    await runner.until('start', 'build');
    await scene.plan.cancelStage('build');
    await runner.until('cancel', 'build');
    expect(await scene.plan.untilFinal('build')).toMatchObject({ ...cancelled, attempts: [{ state: INCOMPLETE }] });
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('that its runner declines after all ends at once: nobody takes it up again', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.async('build', { hold: true, do: 'decline', onCancel: 'end' })] });
    await runner.until('start', 'build');
    await scene.plan.cancelStage('build');
    const { cancelledAt, attempts, ...stage } = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject(cancelled);
    expect(attempts).toMatchObject([{ idx: 1, state: INCOMPLETE, failure: { reason: 'CANCELLED' } }]);
    const [attempt] = attempts;
    expect(inMilliseconds(attempt?.endedAt) - inMilliseconds(cancelledAt), 'ms, without the grace time').toBeLessThan(
      5000,
    );
    expect(runner.seen('start')).toHaveLength(1);
  });

  test('whose runner does not implement Cancel is cut', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ cancels: false });
    await scene.plan.write({ stages: [scene.sync('build', { hold: true })] });
    await runner.until('start', 'build');
    await scene.plan.cancelStage('build');
    await runner.until('cut', 'build');
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...cancelled, attempts: [{ state: INCOMPLETE, failure: { reason: 'CANCELLED' } }] });
    const lasted = inMilliseconds(stage.attempts[0]?.endedAt) - inMilliseconds(stage.cancelledAt);
    expect(lasted, 'ms, without the grace time').toBeLessThan(5000);
    expect(await scene.only()).toMatchObject({ suspended: false, currentLoad: 0 });
  });

  test('ends when the grace time is over, whatever its runner does', { timeout: 60_000 }, async ({ expect }) => {
    const scene = await Scene.open(server);
    const pushed = await scene.runner();
    const pulling = await Scene.open(server);
    await pulling.runner({ serves: false, pullWaitMs: 10_000 });
    const act = { hold: true, onCancel: 'ignore', beatMs: 500 } as const;
    await scene.plan.write({ stages: [scene.sync('run', act), scene.async('run-async', act)] });
    await pulling.plan.write({ stages: [pulling.sync('acquire', act)] });
    const executions = [
      { plan: scene.plan, id: 'run' },
      { plan: scene.plan, id: 'run-async' },
      { plan: pulling.plan, id: 'acquire' },
    ];
    for (const { plan, id } of executions) {
      await plan.untilStage(id, 'RUNNING', ({ attempts }) => attempts[0]?.state === AttemptState.RUNNING);
    }
    const cancelledAt = Date.now();
    await scene.plan.cancel('enough');
    await pulling.plan.cancel('enough');
    for (const { plan, id } of executions) {
      const stage = await plan.untilFinal(id, 30_000);
      expect(stage).toMatchObject({
        ...cancelled,
        attempts: [{ state: INCOMPLETE, failure: { reason: 'CANCELLED' } }],
      });
      const lasted = Number(stage.attempts[0]?.endedAt?.seconds ?? 0n) * 1000 - cancelledAt;
      expect(lasted, `the grace time of ${id}, in ms`).toBeGreaterThan(8000);
      expect(lasted).toBeLessThan(20_000);
      const { executionId = '' } = stage.attempts[0] ?? {};
      await refused(scene.complete(executionId), { code: 'FAILED_PRECONDITION' });
    }
    await pushed.until('cut', 'run');
    expect((await scene.only()).currentLoad).toBe(0);
    expect((await pulling.only()).currentLoad).toBe(0);
  });
});

describe('a stage that a writer ends while a runner is at work', () => {
  test.each(ways)('is what the writer says, and the runner is stopped ($way)', async ({ way, mode, options }) => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    const act = { hold: true, beatMs: 200 };
    await scene.plan.write({ stages: [scene[mode]('passed', act), scene[mode]('failed', act)] });
    await runner.until('start', 'passed');
    await runner.until('start', 'failed');
    const { stages } = await scene.plan.write({
      stages: [
        { id: 'passed', state: StageState.FINAL },
        { id: 'failed', state: StageState.FINAL, failure: { message: 'enough' } },
      ],
    });
    expect(stages).toMatchObject([
      { state: StageState.FINAL, outcome: Outcome.SUCCEEDED, attempts: [{ state: COMPLETE }] },
      { state: StageState.FINAL, outcome: Outcome.FAILED, attempts: [{ state: INCOMPLETE }] },
    ]);
    const before = await scene.plan.snapshot();
    for (const id of ['passed', 'failed']) expect(await runner.until('end', id)).toMatchObject({ outcome: 'stopped' });
    if (way !== 'Run') {
      await runner.until('complete', undefined, 2);
      expect(runner.seen('complete').map(({ outcome }) => outcome)).toEqual(Array(2).fill('FAILED_PRECONDITION'));
    }
    await scene.plan.expectUnchanged(before);
    expect((await scene.only()).currentLoad).toBe(0);
  });
});

describe('a cancelled plan', () => {
  test('of 100 running stages stops them all, and everything ends', { timeout: 60_000 }, async () => {
    const scene = await Scene.open(server);
    const runners = [await scene.runner({ maxConcurrent: 50 }), await scene.runner({ maxConcurrent: 50 })];
    const puller = await scene.runner({
      runnerTypes: [`${scene.runnerType}-pull`],
      ...{ serves: false, pullWaitMs: 10_000, maxConcurrent: 20 },
    });
    const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
    const act = { hold: true };
    const running = [
      ...ids('run-', 40).map((id) => scene.sync(id, act)),
      ...ids('async-', 40).map((id) => scene.async(id, act)),
      ...ids('pull-', 20).map((id) => {
        return { ...scene.sync(id, { ...act, beatMs: 300 }), runnerType: `${scene.runnerType}-pull` };
      }),
    ];
    const waiting = [
      ...ids('after-', 10).map((id) => scene.sync(id, {}, { dependencies: all(onStage('run-0')) })),
      ...ids('queued-', 10).map((id) => ({ ...scene.sync(id), runnerType: `${scene.runnerType}-nobody` })),
    ];
    await scene.plan.write({
      checks: [
        { id: 'goal' },
        { id: 'planned', state: CheckState.PLANNED, dependencies: all(onCheck('goal')) },
        { id: 'waiting', state: CheckState.PLANNED },
        { id: 'passed', state: CheckState.FINAL },
      ],
      stages: [...running.map((stage) => ({ ...stage, assignments: [{ targetCheckId: 'goal' }] })), ...waiting],
    });
    await waitFor('all 100 to run', async () => {
      const { stages } = await scene.plan.query({ includeStages: true });
      return stages.filter(({ attempts }) => attempts[0]?.startedAt ?? attempts[0]?.state === 20).length === 100;
    });
    const begun = [...runners, puller].flatMap((runner) => runner.seen('start').map(({ executionId }) => executionId));
    expect(new Set(begun).size).toBe(100);

    const cancelledAt = performance.now();
    expect(await scene.plan.cancel('superseded')).toMatchObject({ state: WorkPlanState.CANCELLED });
    const counts = async () => (await scene.plan.get()).nodeCounts?.stagesByState[StageState.FINAL];
    await waitFor('all stages to end', async () => (await counts()) === 120);
    console.log(`100 running stages ended ${Math.round(performance.now() - cancelledAt)} ms after the cancellation`);

    const { checks, stages } = await scene.plan.query();
    for (const stage of stages) expect(stage).toMatchObject(cancelled);
    expect(checks.map(({ id, state, outcome }) => [id, state, outcome])).toEqual([
      ...['goal', 'planned', 'waiting'].map((id) => [id, CheckState.FINAL, Outcome.CANCELLED]),
      ['passed', CheckState.FINAL, Outcome.SUCCEEDED],
    ]);
    expect(await scene.plan.get()).toMatchObject({ outcome: Outcome.CANCELLED, cancelReason: 'superseded' });
    for (const { attempts } of stages) expect(attempts.length).toBeLessThanOrEqual(1);
    for (const runner of runners) {
      const started = runner.seen('start').map(({ executionId }) => executionId);
      await waitFor('all of them to be told', () => runner.seen('cancel').length >= started.length);
      const told = runner.seen('cancel').map(({ executionId }) => executionId);
      expect(told.toSorted()).toEqual(started.toSorted());
      expect(runner.seen('end').every(({ outcome }) => outcome === 'stopped')).toBe(true);
    }
    expect((await scene.listed()).map(({ currentLoad }) => currentLoad)).toEqual([0, 0]);
    const before = await scene.plan.snapshot();
    await scene.plan.cancel('again');
    await scene.plan.expectUnchanged(before);
  });

  test('takes new stages and hands none of them out', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.cancel();
    const { stages } = await scene.plan.write({ stages: [scene.sync('late'), scene.async('later')] });
    for (const stage of stages) expect(stage).toMatchObject({ ...cancelled });
    expect(stages.flatMap(({ attempts }) => attempts.filter(({ state }) => state === PENDING))).toEqual([]);
    expect(runner.seen('start')).toEqual([]);
  });
});
