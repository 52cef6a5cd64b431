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
import { inHand } from './harness/in-hand.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { ways } from './harness/ways.ts';
import { expectOrder, spans } from './harness/work-log.ts';
import { type ActInit, argsOf } from './runner/act.ts';

const server = useExecutionServer();
const succeeded = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;

/** A stage of the scene's type as a runner writes it. */
function child(scene: Scene, id: string, act: ActInit = {}, more: object = {}) {
  return { ...more, id, runnerType: scene.runnerType, args: argsOf(act) };
}

describe.each(ways)('a runner that writes stages while it works ($way)', ({ mode, options }) => {
  test('has children, and its stage ends when they have ended', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    const stages = [child(scene, 'shard-1', { hold: true }), child(scene, 'shard-2', { do: 'verdict' })];
    await scene.plan.write({ stages: [scene[mode]('plan', { writes: [{ stages }] })] });
    await runner.until('start', 'shard-1');
    const plan = await scene.plan.untilStage('plan', 'AWAITING_GROUP', (s) => s.state === StageState.AWAITING_GROUP);
    expect(plan.attempts).toMatchObject([{ state: AttemptState.COMPLETE }]);
    await runner.release();
    expect(await scene.plan.untilFinal('plan')).toMatchObject(succeeded);
    expect(await scene.plan.stage('shard-1')).toMatchObject({ ...succeeded, parentStageId: 'plan' });
    expect(await scene.plan.stage('shard-2')).toMatchObject({ outcome: Outcome.FAILED, parentStageId: 'plan' });
    expect(runner.seen('write', 'plan')).toMatchObject([{ outcome: 'OK' }]);
    expect(await scene.plan.get()).toMatchObject({ state: WorkPlanState.COMPLETE, outcome: Outcome.FAILED });
  });

  test('may give its stage a continuation group of its own', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner(options);
    const continuationGroup = { dependencies: [{ targetType: 'NODE_TYPE_STAGE', targetId: 'quick' }] };
    const stages = [
      child(scene, 'quick', { hold: true }),
      child(scene, 'slow', { hold: true }),
      { id: 'plan', continuationGroup },
    ];
    await scene.plan.write({ stages: [scene[mode]('plan', { writes: [{ stages }] })] });
    await runner.until('start', 'slow');
    await runner.until('start', 'quick');
    await scene.plan.untilStage('plan', 'AWAITING_GROUP', (stage) => stage.state === StageState.AWAITING_GROUP);
    await runner.release('quick');
    expect(await scene.plan.untilFinal('plan')).toMatchObject(succeeded);
    expect(await scene.plan.stage('slow')).toMatchObject({ state: StageState.ATTEMPTING });
    await runner.release();
    expect(await scene.plan.untilFinal('slow')).toMatchObject(succeeded);
  });
});

describe('children', () => {
  test('have children of their own, and what depends on the first waits for all of them', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const leaf = child(scene, 'leaf', { ms: 50 });
    const middle = child(scene, 'middle', { writes: [{ stages: [leaf] }] });
    await scene.plan.write({
      stages: [
        scene.async('root', { writes: [{ stages: [middle] }] }),
        scene.sync('after', {}, { dependencies: all(onStage('root')) }),
      ],
    });
    expect(await scene.plan.untilOver()).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expectOrder(spans(runner), ['root', 'middle', 'leaf'], 'after');
    expect(await scene.plan.stage('leaf')).toMatchObject({ parentStageId: 'middle' });
  });

  test('of an attempt that failed go on and still belong to the stage', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const writes = [{ stages: [child(scene, 'kept', { hold: true })] }];
    await scene.plan.write({ stages: [scene.sync('plan', [{ writes, do: 'fail' }, { writes }])] });
    const waiting = await scene.plan.untilStage('plan', 'AWAITING_GROUP', (s) => s.state === StageState.AWAITING_GROUP);
    expect(waiting.attempts).toMatchObject([{ state: AttemptState.INCOMPLETE }, { state: AttemptState.COMPLETE }]);
    expect(runner.seen('write', 'plan'), 'the second write repeats the first').toMatchObject([
      { outcome: 'OK' },
      { outcome: 'OK' },
    ]);
    expect(runner.seen('start', 'kept')).toHaveLength(1);
    await runner.release();
    expect(await scene.plan.untilFinal('plan')).toMatchObject(succeeded);
    expect(await scene.plan.stage('kept')).toMatchObject({ ...succeeded, parentStageId: 'plan' });
  });

  test('cannot be written in the name of an attempt that is over, or by somebody else', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', {}, { retry: { hold: true } });
    const born = (attemptIdx: number, processUid: string) => ({
      attempt: { stageId: 'build', attemptIdx, processUid },
      stages: [{ id: 'child' }],
    });
    await scene.plan.refuses(born(1, 'somebody-else'), { code: 'FAILED_PRECONDITION' });
    await scene.plan.refuses(born(2, executionId), { code: 'FAILED_PRECONDITION' });
    await scene.complete(executionId, { failure: { message: 'no' } });
    await scene.plan.untilStage('build', 'the next attempt', ({ attempts }) => (attempts[1]?.executionId ?? '') !== '');
    await refused(scene.plan.write(born(1, executionId)), { code: 'FAILED_PRECONDITION' });
    await refused(scene.plan.write(born(2, executionId)), { code: 'FAILED_PRECONDITION' });
    expect((await scene.plan.query({ includeStages: true })).stages).toHaveLength(1);
    await scene.plan.cancel();
  });

  test('are cancelled with their parent, and those that it writes within its grace time are born cancelled', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const act: ActInit = {
      writes: [{ stages: [child(scene, 'child', { hold: true })] }],
      hold: true,
      onCancel: 'ignore',
    };
    await scene.plan.write({ stages: [scene.async('plan', act)] });
    const { executionId } = await runner.until('start', 'plan');
    await runner.until('start', 'child');
    await scene.plan.cancelStage('plan');
    expect(await scene.plan.untilFinal('child')).toMatchObject({ outcome: Outcome.CANCELLED });
    const { stages } = await scene.plan.write({
      attempt: { stageId: 'plan', attemptIdx: 1, processUid: executionId },
      stages: [{ ...scene.sync('late') }],
    });
    expect(stages).toMatchObject([{ outcome: Outcome.CANCELLED, concludedReason: ConcludedReason.CANCELLED }]);
    await runner.release('plan');
    expect(await scene.plan.untilFinal('plan')).toMatchObject(succeeded);
    expect(runner.seen('start', 'late')).toEqual([]);
  });
});

describe('checks that remote stages are assigned to', () => {
  const [goal, planned] = [{ targetCheckId: 'goal' }, { targetCheckId: 'planned', goalState: CheckState.PLANNED }];

  test('move on when all of those stages have ended well', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.write({
      checks: [{ id: 'goal' }, { id: 'planned' }],
      stages: [
        scene.sync('one', {}, { assignments: [goal, planned] }),
        scene.async('two', { hold: true }, { assignments: [goal, planned] }),
      ],
    });
    await scene.plan.untilFinal('one');
    expect((await scene.plan.query()).checks.map(({ state }) => state)).toEqual(Array(2).fill(CheckState.PLANNING));
    await runner.release();
    const { revision } = await scene.plan.untilFinal('two');
    expect((await scene.plan.query()).checks).toMatchObject([
      { id: 'goal', state: CheckState.FINAL, outcome: Outcome.SUCCEEDED, revision },
      { id: 'planned', state: CheckState.WAITING, revision },
    ]);
  });

  test('are FAILED with a failure that names the stage which failed for good', async () => {
    const scene = await Scene.open(server);
    await scene.runner();
    await scene.plan.write({
      checks: [{ id: 'goal' }, { id: 'planned' }],
      stages: [
        scene.sync('fine', {}, { assignments: [goal, planned] }),
        scene.async('culprit', { do: 'fail' }, { assignments: [goal, planned], executionPolicy: { maxAttempts: 2 } }),
      ],
    });
    await scene.plan.untilOver();
    for (const check of (await scene.plan.query()).checks) {
      expect(check).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.FAILED });
      const result = check.results.find(({ ownerType }) => ownerType === 'orchestrator');
      expect(result?.failure?.message).toContain('culprit');
    }
  });

  test('are answered by the stage in the way of their own dependencies', async () => {
    const scene = await Scene.open(server);
    await scene.runner();
    await scene.plan.write({
      checks: [
        { id: 'gate', state: CheckState.PLANNED },
        { id: 'goal', dependencies: all(onCheck('gate')) },
      ],
      stages: [scene.sync('build', {}, { assignments: [goal] })],
    });
    await scene.plan.untilFinal('build');
    expect(await scene.plan.check('goal')).toMatchObject({ state: CheckState.PLANNED });
    await scene.plan.pass('gate');
    expect(await scene.plan.check('goal')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.SUCCEEDED });
  });
});
