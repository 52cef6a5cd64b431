import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from '../e2e/semantics/harness/groups.ts';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { waitFor } from '../support/wait-for.ts';
import { inHand } from './harness/in-hand.ts';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { ways } from './harness/ways.ts';

const server = useExecutionServer();
const { COMPLETE, INCOMPLETE } = AttemptState;
const second = milliseconds(1000);
const stageTimedOut = { state: StageState.FINAL, concludedReason: ConcludedReason.STAGE_TIMEOUT } as const;

describe.each(ways)('attempt_timeout ($way)', ({ mode, options }) => {
  test('ends an attempt INCOMPLETE(TIMEOUT), stops its runner, and policy retries it', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    const executionPolicy = { maxAttempts: 2, attemptTimeout: second };
    await scene.plan.write({ stages: [scene[mode]('build', [{ hold: true, beatMs: 200 }, {}], { executionPolicy })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(stage.attempts).toMatchObject([{ state: INCOMPLETE, failure: { reason: 'TIMEOUT' } }, { state: COMPLETE }]);
    const [first] = stage.attempts;
    const lasted = inMilliseconds(first?.endedAt) - inMilliseconds(first?.createdAt);
    expect(lasted, 'how long it lasted, in ms').toBeGreaterThanOrEqual(1000);
    expect(lasted).toBeLessThan(6000);
    // A runner that only pulls learns of it by its next update.
    await waitFor('the work to stop', () =>
      runner.seen('end').some(({ idx, outcome }) => idx === 1 && outcome === 'stopped'),
    );
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('exhausts the attempts like any other failure', async () => {
    const scene = await Scene.open(server);
    await scene.runner(options);
    const executionPolicy = { maxAttempts: 2, attemptTimeout: second };
    await scene.plan.write({ stages: [scene[mode]('build', { hold: true, onCancel: 'ignore' }, { executionPolicy })] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.NO_RETRIES_LEFT,
      attempts: [{ failure: { reason: 'TIMEOUT' } }, { failure: { reason: 'TIMEOUT' } }],
    });
  });
});

describe('attempt_timeout', () => {
  test('does not count while an attempt waits for a runner', async () => {
    const scene = await Scene.open(server);
    const executionPolicy = { maxAttempts: 1, attemptTimeout: second };
    const stages = [scene.sync('one', {}, { executionPolicy }), scene.async('two', {}, { executionPolicy })];
    const { stages: written } = await scene.plan.write({ stages });
    const createdAt = inMilliseconds(written[0]?.createdAt);
    await scene.plan.untilStage('one', 'an age of two seconds', () => Date.now() > createdAt + 2000);
    await scene.runner();
    for (const id of ['one', 'two']) {
      expect(await scene.plan.untilFinal(id)).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1 }] });
    }
  });

  test('makes the late answer of a Run worthless', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const executionPolicy = { maxAttempts: 2, attemptTimeout: second };
    const answer = { details: { late: true } };
    const acts = [{ hold: true, onCancel: 'ignore', answer }, { hold: true }] as const;
    await scene.plan.write({ stages: [scene.sync('build', acts, { executionPolicy })] });
    await runner.until('start', 'build', 2);
    await runner.release();
    const stage = await scene.plan.untilFinal('build');
    expect(runner.seen('end')).toHaveLength(2);
    expect(stage.attempts).toMatchObject([{ state: INCOMPLETE, failure: { reason: 'TIMEOUT' } }, { state: COMPLETE }]);
    expect(stage.attempts[0]?.details ?? {}).toEqual({});
  });
});

describe('stage_timeout', () => {
  const executionPolicy = { stageTimeout: milliseconds(1500) };

  test('ends a stage that waits: for its dependencies, for a runner', async () => {
    const scene = await Scene.open(server);
    await scene.plan.write({
      checks: [{ id: 'never' }, { id: 'goal' }],
      stages: [
        scene.sync('planned', {}, { executionPolicy, dependencies: all(onCheck('never')) }),
        scene.async('queued', {}, { executionPolicy, assignments: [{ targetCheckId: 'goal' }] }),
      ],
    });
    const failed = { ...stageTimedOut, outcome: Outcome.FAILED };
    expect(await scene.plan.untilFinal('planned')).toMatchObject({ ...failed, attempts: [] });
    expect(await scene.plan.untilFinal('queued')).toMatchObject({
      ...failed,
      attempts: [{ state: INCOMPLETE, failure: { reason: 'TIMEOUT' }, executionId: '' }],
    });
    const [result] = (await scene.plan.check('goal')).results;
    expect(result).toMatchObject({
      ownerType: 'orchestrator',
      failure: { message: expect.stringContaining('queued') },
    });
  });

  test.each(ways)('stops an attempt that a runner has, and allows no further one ($way)', async (by) => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(by.options);
    const act = { hold: true, beatMs: 200 };
    await scene.plan.write({
      stages: [scene[by.mode]('build', act, { executionPolicy: { ...executionPolicy, maxAttempts: 3 } })],
    });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...stageTimedOut, outcome: Outcome.FAILED });
    expect(stage.attempts).toMatchObject([{ idx: 1, state: INCOMPLETE }]);
    expect(await runner.until('end', 'build')).toMatchObject({ outcome: 'stopped' });
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('takes the answer of a runner that completes within the grace time', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', { executionPolicy }, { checks: [{ id: 'unit' }] });
    const answer = { checkUpdates: [{ checkId: 'unit', state: CheckState.FINAL, resultData: { passed: 1 } }] };
    await waitFor('the order to stop', async () => (await scene.update(executionId)).cancelRequested);
    expect(await scene.complete(executionId, answer)).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject({
      state: StageState.FINAL,
      outcome: Outcome.SUCCEEDED,
      attempts: [{ state: COMPLETE }],
    });
    expect((await scene.plan.check('unit')).results).toMatchObject([{ data: { passed: 1 } }]);
  });

  test('ends the wait for children: the outcome is that of the stage itself', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', { executionPolicy });
    await scene.plan.write({ attempt: { stageId: 'build', attemptIdx: 1 }, stages: [{ id: 'child' }] });
    await scene.complete(executionId);
    expect(await scene.plan.stage('build')).toMatchObject({ state: StageState.AWAITING_GROUP });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...stageTimedOut, outcome: Outcome.SUCCEEDED });
    expect(lastAttempt(stage).state).toBe(COMPLETE);
  });
});
