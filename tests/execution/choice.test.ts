import { describe, expect, test } from 'vitest';
import { AttemptState, ExecutionMode, Outcome, StageState, WorkPlanState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { waitFor } from '../support/wait-for.ts';
import type { RunnerProcess } from './harness/runner-process.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';
import { mostAtOnce, spans } from './harness/work-log.ts';

const server = useExecutionServer();
const succeeded = { state: WorkPlanState.COMPLETE, outcome: Outcome.SUCCEEDED } as const;
const names = (count: number, prefix = 's'): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** How many executions each runner has begun. */
const begun = (...runners: readonly RunnerProcess[]): readonly number[] =>
  runners.map((one) => one.seen('start').length);

describe('a stage without a runner', () => {
  test('waits, visibly, and starts when a runner registers', async () => {
    const scene = await Scene.open(server);
    await scene.plan.write({ stages: [scene.sync('build'), scene.async('test')] });
    for (const id of ['build', 'test']) {
      const stage = await scene.plan.stage(id);
      const unowned = { state: AttemptState.PENDING, executionId: '', runnerId: '', processUid: '' };
      expect(stage).toMatchObject({ state: StageState.ATTEMPTING, attempts: [unowned] });
      expectUnset(lastAttempt(stage), 'deadline', 'startedAt', 'heartbeatBy');
    }
    expect(await scene.listed()).toEqual([]);
    const runner = await scene.runner();
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    const [registered] = runner.seen('register');
    const delays = runner.seen('start').map(({ time }) => time - (registered?.time ?? 0));
    console.log(`from the registration, as the runner knows it, to its calls: ${delays.join(', ')} ms`);
    expect(Math.max(...delays)).toBeLessThan(2000);
  });

  test('does not start on a runner of another type', async () => {
    const scene = await Scene.open(server);
    const other = await scene.runner({ runnerTypes: [`${scene.runnerType}-other`] });
    const runner = await scene.runner({ maxConcurrent: 1 });
    await scene.plan.write({ stages: [scene.sync('one'), scene.async('two')] });
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expect(begun(runner, other)).toEqual([2, 0]);
  });
});

describe('several runners of one type', () => {
  test('share the load within the capacity of each, and the rest waits', async () => {
    const scene = await Scene.open(server);
    const two = await scene.runner({ maxConcurrent: 2 });
    const three = await scene.runner({ maxConcurrent: 3 });
    const ids = names(12);
    await scene.plan.write({
      stages: ids.map((id, index) =>
        index % 2 === 0 ? scene.sync(id, { hold: true }) : scene.async(id, { hold: true }),
      ),
    });
    await waitFor('both to be full', () => begun(two, three).join() === '2,3');
    const loads = async () => (await scene.listed()).map(({ currentLoad }) => currentLoad).toSorted();
    expect(await loads()).toEqual([2, 3]);
    const { stages } = await scene.plan.query({ includeStages: true });
    expect(stages.filter((stage) => lastAttempt(stage).executionId === '')).toHaveLength(7);
    await Promise.all([two.release(), three.release()]);
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expect(spans(two, three)).toHaveLength(12);
    expect(mostAtOnce(spans(two))).toBe(2);
    expect(mostAtOnce(spans(three))).toBe(3);
    await waitFor('the loads to end', async () => (await loads()).join() === '0,0');
  });

  test('without a limit get what comes by turns: the least loaded one first', async () => {
    const scene = await Scene.open(server);
    const runners = [await scene.runner(), await scene.runner(), await scene.runner()];
    for (const id of names(9)) await scene.plan.write({ stages: [scene.sync(id, { hold: true })] });
    await waitFor('all to run', () => begun(...runners).reduce((sum, count) => sum + count) === 9);
    expect(begun(...runners)).toEqual([3, 3, 3]);
    await Promise.all(runners.map((runner) => runner.release()));
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
  });

  test('that are called and pull as well stay within their capacity', async () => {
    const scene = await Scene.open(server);
    const runners = [
      await scene.runner({ maxConcurrent: 3, pullWaitMs: 10_000 }),
      await scene.runner({ maxConcurrent: 2, pullWaitMs: 10_000 }),
    ];
    const stages = names(40).map((id, index) => scene[index % 2 === 0 ? 'sync' : 'async'](id, { ms: 20 }));
    await scene.plan.write({ stages });
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expect(spans(...runners)).toHaveLength(40);
    const most = runners.map((runner) => mostAtOnce(spans(runner)));
    expect(most[0]).toBeLessThanOrEqual(3);
    expect(most[1]).toBeLessThanOrEqual(2);
  });

  test('never exceed nor lose capacity, whatever becomes of 300 executions', { timeout: 60_000 }, async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ maxConcurrent: 5 });
    const ends = ['succeed', 'fail', 'verdict', 'error', 'lie'] as const;
    const executionPolicy = { maxAttempts: 2 };
    const stages = names(150).flatMap((id, index) => [
      scene.sync(`${id}s`, { ms: 3, do: ends[index % 5] ?? 'succeed' }, { executionPolicy }),
      scene.async(`${id}a`, { ms: 3, do: ends[index % 4] ?? 'succeed' }, { executionPolicy }),
    ]);
    await scene.plan.write({ stages });
    await waitFor('all to end', async () => (await scene.plan.get()).state === WorkPlanState.COMPLETE, 50_000);
    const most = mostAtOnce(spans(runner));
    console.log(`the most executions at a time with max_concurrent 5: ${most}`);
    expect(most).toBeLessThanOrEqual(5);
    expect(await scene.only()).toMatchObject({ currentLoad: 0, suspended: false });
  });

  test('take over when one of them has gone', async () => {
    const scene = await Scene.open(server);
    const leaving = await scene.runner();
    await leaving.kill('SIGTERM');
    expect(await scene.listed()).toEqual([]);
    const staying = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('one'), scene.async('two')] });
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expect(begun(leaving, staying)).toEqual([0, 2]);
  });
});

describe('the mode of a stage', () => {
  test('decides which runner is called, and how', async () => {
    const scene = await Scene.open(server);
    const blocking = await scene.runner({ modes: ['SYNC'] });
    const reporting = await scene.runner({ modes: ['ASYNC'] });
    const stages = names(3).flatMap((id) => [scene.sync(`${id}-sync`), scene.async(`${id}-async`)]);
    await scene.plan.write({ stages });
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
    expect(
      blocking
        .seen('start')
        .map(({ kind, stage }) => `${kind} ${stage}`)
        .toSorted(),
    ).toEqual(names(3).map((id) => `RUN ${id}-sync`));
    expect(
      reporting
        .seen('start')
        .map(({ kind, stage }) => `${kind} ${stage}`)
        .toSorted(),
    ).toEqual(names(3).map((id) => `RUN_ASYNC ${id}-async`));
  });

  test('that no runner has makes the stage wait, while stages of the other mode go on', async () => {
    const scene = await Scene.open(server);
    await scene.runner({ modes: ['SYNC'], maxConcurrent: 1 });
    await scene.plan.write({ stages: [scene.async('report'), ...names(5).map((id) => scene.sync(id))] });
    for (const id of names(5)) await scene.plan.untilFinal(id);
    expect(lastAttempt(await scene.plan.stage('report'))).toMatchObject({
      state: AttemptState.PENDING,
      executionId: '',
    });
    await scene.runner({ modes: ['ASYNC'] });
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
  });

  test('is SYNC, for a stage and for a registration that name none', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    await scene.register(runner.runnerId, { address: runner.address, supportedModes: [] });
    expect((await scene.only()).supportedModes).toEqual([ExecutionMode.SYNC]);
    const { executionMode: _, ...plain } = { ...scene.sync('plain') };
    await scene.plan.write({ stages: [plain, scene.async('never')] });
    await scene.plan.untilFinal('plain');
    expect(runner.seen('start')).toMatchObject([{ stage: 'plain', kind: 'RUN' }]);
    await scene.plan.cancel();
  });
});

describe('work that is held up', () => {
  test('of one type does not delay another type: its runner is full, or does not answer at all', async () => {
    const slow = await Scene.open(server);
    const full = await slow.runner({ maxConcurrent: 1 });
    await slow.plan.write({ stages: names(20).map((id) => slow.sync(id, { hold: true })) });
    await full.until('start');
    const stopped = await Scene.open(server);
    const frozen = await stopped.runner();
    await frozen.kill('SIGSTOP');
    await stopped.plan.write({ stages: names(20).flatMap((id) => [stopped.sync(`${id}s`), stopped.async(`${id}a`)]) });

    const quick = await Scene.open(server);
    await quick.runner();
    await quick.plan.write({ stages: names(20).flatMap((id) => [quick.sync(`${id}s`), quick.async(`${id}a`)]) });
    expect(await quick.plan.untilOver()).toMatchObject(succeeded);
    expect(begun(full)).toEqual([1]);
    await Promise.all([full.release(), frozen.kill('SIGCONT')]);
    expect(await slow.plan.untilOver()).toMatchObject(succeeded);
    expect(await stopped.plan.untilOver()).toMatchObject(succeeded);
  });

  test('of one runner does not delay another runner of its type', async () => {
    const scene = await Scene.open(server);
    const frozen = await scene.runner({ maxConcurrent: 2 });
    await frozen.kill('SIGSTOP');
    const awake = await scene.runner();
    await scene.plan.write({ stages: names(20).map((id) => scene.sync(id)) });
    await waitFor('all others to end', async () => {
      const { stages } = await scene.plan.query({ includeStages: true, stageStates: [StageState.FINAL] });
      return stages.length >= 18;
    });
    expect(begun(awake)[0]).toBeGreaterThanOrEqual(18);
    await frozen.kill('SIGCONT');
    expect(await scene.plan.untilOver()).toMatchObject(succeeded);
  });

  test('of one huge plan does not starve a small one', async () => {
    const huge = await Scene.open(server);
    const runner = await huge.runner({ maxConcurrent: 2 });
    await huge.plan.write({ stages: names(600).map((id) => huge.sync(id, { ms: 5 })) });
    await runner.until('end', undefined, 10);
    const small = await huge.another();
    await small.plan.write({ stages: names(5).map((id) => small.sync(id)) });
    expect(await small.plan.untilOver()).toMatchObject(succeeded);
    const order = runner.seen('start').map(({ plan }) => plan);
    const [first, last] = [order.indexOf(small.plan.id), order.lastIndexOf(small.plan.id)];
    const between = order.slice(first, last).filter((plan) => plan === huge.plan.id);
    console.log(`stages of the huge plan before the small one: ${first}, between its five: ${between.length}`);
    expect(between.length, 'round-robin over plans').toBeLessThanOrEqual(20);
    expect(mostAtOnce(spans(runner))).toBeLessThanOrEqual(2);
    await huge.plan.cancel();
  });
});
