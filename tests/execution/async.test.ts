import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';
import type { ActInit } from './runner/act.ts';

const server = useExecutionServer({ limits: { progressPerAttempt: 5 } });
const final = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;

/** A stage whose runner has accepted it and leaves all reports to the test. */
async function accepted(also: Parameters<Scene['async']>[2] = {}) {
  const scene = await Scene.open(server);
  const runner = await scene.runner();
  await scene.plan.write({ stages: [scene.async('build', { do: 'vanish', hold: true }, also)] });
  const { executionId } = await runner.until('start', 'build');
  await scene.plan.untilStage('build', 'SCHEDULED', (stage) => lastAttempt(stage).state === AttemptState.SCHEDULED);
  const attempt = async () => lastAttempt(await scene.plan.stage('build'));
  return { scene, runner, executionId, attempt };
}

describe('a stage that a runner executes by RunAsync', () => {
  test('reports progress, details and several checks, and is SUCCEEDED', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const checkUpdates = [
      { checkId: 'unit', state: 'CHECK_STATE_FINAL', resultData: { passed: 10 } },
      { checkId: 'lint', resultData: { warnings: 1 } },
    ];
    const updates = [
      { message: 'compiling', progressPercent: 10, details: { phase: 'compile' } },
      { message: 'testing', progressPercent: 60, details: { phase: 'test', shard: 3 } },
    ];
    await scene.plan.write({
      checks: [{ id: 'unit' }, { id: 'lint' }],
      stages: [
        scene.async(
          'build',
          { updates, answer: { checkUpdates, details: { log: 'x.txt' } } },
          {
            assignments: [{ targetCheckId: 'unit' }, { targetCheckId: 'lint' }],
          },
        ),
      ],
    });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...final, attempts: [{ state: AttemptState.COMPLETE, progressPercent: 60 }] });
    const { progress, details } = lastAttempt(stage);
    expect(progress).toMatchObject([
      { message: 'compiling', percent: 10 },
      { message: 'testing', percent: 60 },
    ]);
    expect(progress.every(({ timestamp }) => timestamp !== undefined)).toBe(true);
    expect(details).toMatchObject({ log: 'x.txt' });
    expect(JSON.stringify({ details, progress: progress.map((entry) => entry.details) })).toContain('"shard":3');
    expect(await scene.plan.check('unit')).toMatchObject({
      ...{ state: CheckState.FINAL, outcome: Outcome.SUCCEEDED, revision: stage.revision },
      results: [{ ownerId: 'build:1', data: { passed: 10 } }],
    });
    expect(await scene.plan.check('lint')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.SUCCEEDED });
    expect(await runner.until('complete', 'build')).toMatchObject({ outcome: 'OK' });
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('gets every field of RunAsyncRequest, the address for its reports among them', async () => {
    const scene = await Scene.open(server, { branch: 'main' });
    const runner = await scene.runner();
    await scene.plan.write({
      checks: [{ id: 'unit', kind: 'tests', options: { suite: 'fast' } }],
      stages: [
        scene.async('build', [{ do: 'vanish' }], {
          assignments: [{ targetCheckId: 'unit' }],
          executionPolicy: { attemptTimeout: milliseconds(90_000), heartbeatTimeout: milliseconds(30_000) },
        }),
      ],
    });
    const { request, callDeadline, executionId } = await runner.until('start', 'build');
    const { deadline } = lastAttempt(await scene.plan.stage('build'));
    expect(request).toEqual({
      executionId,
      workPlanId: scene.plan.id,
      stageId: 'build',
      attemptIdx: 1,
      assignedCheckIds: ['unit'],
      args: { acts: [{ do: 'vanish' }] },
      checkOptions: [{ checkId: 'unit', kind: 'tests', options: { suite: 'fast' } }],
      deadline: expect.stringMatching(/Z$/),
      callbackAddress: scene.address,
      runnerType: scene.runnerType,
      metadata: { branch: 'main' },
      heartbeatTimeout: '30s',
    });
    const told = Date.parse(String(request?.deadline));
    expect(told).toBe(Math.floor(inMilliseconds(deadline)));
    expect(Math.abs((callDeadline ?? 0) - told), 'the deadline of the call, in ms').toBeLessThan(2000);
    await scene.complete(executionId);
    expect(await scene.plan.untilFinal('build')).toMatchObject(final);
  });

  test('is seen by a watch step by step', async () => {
    const scene = await Scene.open(server);
    await scene.runner();
    const watch = await scene.plan.watch({ includeStages: true, endOnCompletion: true });
    const updates = [
      { message: 'one', progressPercent: 10 },
      { message: 'two', progressPercent: 20 },
    ];
    await scene.plan.write({ stages: [scene.async('build', { ms: 100, updates })] });
    const attempts = (await watch.end()).flatMap(({ event }) => {
      return event.case === 'stageEvent' ? (event.value.stage?.attempts ?? []) : [];
    });
    const states = attempts.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);
    const { PENDING, SCHEDULED, RUNNING, COMPLETE } = AttemptState;
    expect([
      [PENDING, SCHEDULED, RUNNING, COMPLETE],
      [PENDING, RUNNING, COMPLETE],
    ]).toContainEqual(states);
    expect(attempts.flatMap(({ progress }) => progress.map(({ message }) => message))).toEqual(['one', 'two']);
  });

  test('is SCHEDULED when the runner has accepted, RUNNING with its first update, and ends with its completion', async () => {
    const { scene, executionId, attempt, runner } = await accepted();
    expect(await attempt()).toMatchObject({ executionId, runnerId: runner.runnerId });
    expectUnset(await attempt(), 'startedAt', 'endedAt', 'heartbeatBy');
    const update = await scene.update(executionId);
    expect(update).toMatchObject({ cancelRequested: false });
    expectUnset(update, 'heartbeatBy');
    expect(await attempt()).toMatchObject({ state: AttemptState.RUNNING, startedAt: expect.anything(), progress: [] });
    expect(await scene.complete(executionId)).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject({ ...final, attempts: [{ state: AttemptState.COMPLETE }] });
  });

  test('may complete without an update', async () => {
    const { scene, executionId } = await accepted();
    expect(await scene.complete(executionId, { stageState: StageState.FINAL })).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject({ ...final, attempts: [{ state: AttemptState.COMPLETE }] });
  });

  test('may complete before its runner has answered RunAsync', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ maxConcurrent: 1 });
    await scene.plan.write({
      stages: [scene.async('build', { accepts: 'last' }), scene.async('next', { accepts: 'last' })],
    });
    expect(await scene.plan.untilFinal('build')).toMatchObject({ ...final, attempts: [{ idx: 1 }] });
    expect(await scene.plan.untilFinal('next')).toMatchObject({ ...final, attempts: [{ idx: 1 }] });
    await runner.until('complete', undefined, 2);
    expect(runner.seen('complete')).toMatchObject([{ outcome: 'OK' }, { outcome: 'OK' }]);
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test.each(['midway', 'last'] as const)(
    'is RUNNING with an update that comes before its runner accepts (%s), and stays so',
    async (accepts) => {
      const scene = await Scene.open(server);
      const runner = await scene.runner();
      const act: ActInit = { accepts, hold: true, updates: [{ message: 'begun' }] };
      await scene.plan.write({ stages: [scene.async('build', act), scene.async('other')] });
      await runner.until('update', 'build');
      await scene.plan.untilFinal('other');
      expect(lastAttempt(await scene.plan.stage('build'))).toMatchObject({
        state: AttemptState.RUNNING,
        progress: [{ message: 'begun' }],
      });
      await runner.release();
      expect(await scene.plan.untilFinal('build')).toMatchObject(final);
      const states = (await scene.plan.history()).flatMap(({ event }) => {
        const isBuilds = event.case === 'stageEvent' && event.value.stageId === 'build';
        return isBuilds ? event.value.stage?.attempts.map(({ state }) => state) : [];
      });
      expect(states.filter((state) => state === AttemptState.SCHEDULED)).toEqual([]);
    },
  );
});

describe('an update', () => {
  test('without a message adds no entry, and keeps what else it carries', async () => {
    const { scene, executionId, attempt } = await accepted();
    await scene.update(executionId, { progressPercent: 40, details: { phase: 'link' } });
    expect(await attempt()).toMatchObject({ progress: [], progressPercent: 40, details: { phase: 'link' } });
    await scene.update(executionId, { message: 'linked' });
    expect(await attempt()).toMatchObject({ progress: [{ message: 'linked' }], progressPercent: 40 });
    await scene.complete(executionId);
  });

  test('alone, as a heartbeat, changes no version and is no event', async () => {
    const { scene, executionId } = await accepted();
    await scene.update(executionId);
    const before = await scene.plan.snapshot();
    await scene.update(executionId);
    await scene.plan.expectUnchanged(before);
    await scene.complete(executionId);
  });

  test('never fails for the limit of progress entries', async () => {
    const { scene, executionId, attempt } = await accepted();
    const said = Array.from({ length: 8 }, (_, index) => `step ${index}`);
    for (const message of said) await scene.update(executionId, { message, details: { last: message } });
    const { progress } = await attempt();
    expect(progress.map(({ message }) => message)).toEqual(said.slice(0, 5));
    expect(await scene.complete(executionId)).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject(final);
  });
});
