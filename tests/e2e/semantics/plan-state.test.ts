import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import { rejected, type TestPlan } from './harness/plan.ts';
import { refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { ACTIVE, COMPLETE, CANCELLED } = WorkPlanState;

describe('semantics 8: plan state', () => {
  test('ACTIVE without nodes, without outcome', async () => {
    const plan = await server.plan({ metadata: { branch: 'main' } });
    const read = await plan.get();
    expect(read).toMatchObject({
      id: plan.id,
      version: 1n,
      state: ACTIVE,
      outcome: Outcome.UNKNOWN,
      metadata: { branch: 'main' },
      cancelReason: '',
    });
    expect(read.createdAt).toEqual(read.updatedAt);
    expect(read.cancelledAt).toBeUndefined();
  });

  test('COMPLETE when all nodes are FINAL; new nodes make it ACTIVE again', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }, { id: 'b' }], stages: [{ id: 's' }] });
    await plan.pass('a', 'b');
    expect(await plan.get()).toMatchObject({ state: ACTIVE });
    await plan.complete('s');
    expect(await plan.get()).toMatchObject({ state: COMPLETE, outcome: Outcome.SUCCEEDED });
    await plan.write({ checks: [{ id: 'c' }] });
    expect(await plan.get()).toMatchObject({ state: ACTIVE, outcome: Outcome.UNKNOWN });
    await plan.reject('c');
    expect(await plan.get()).toMatchObject({ state: COMPLETE, outcome: Outcome.FAILED });
  });

  test('AWAITING_GROUP is not FINAL', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', continuationGroup: all(onCheck('gate')) }] });
    await plan.complete('s');
    expect(await plan.get()).toMatchObject({ state: ACTIVE });
  });

  test('a write of FINAL nodes only leaves it COMPLETE', async () => {
    const plan = await server.plan();
    await plan.pass('a');
    expect(await plan.get()).toMatchObject({ state: COMPLETE, version: 2n });
    await plan.pass('b');
    expect(await plan.get()).toMatchObject({ state: COMPLETE, version: 3n });
  });

  test('updated_at moves with a change and not without one', async () => {
    const plan = await server.plan();
    const created = await plan.get();
    await plan.pass('a');
    const changed = await plan.get();
    expect(changed.createdAt).toEqual(created.createdAt);
    expect(changed.updatedAt).not.toEqual(created.updatedAt);
    await plan.pass('a');
    expect(await plan.get()).toEqual(changed);
  });

  test('node_counts', async () => {
    const plan = await server.plan();
    const gated = { dependencies: all(onCheck('b')) };
    await plan.write({
      checks: [
        { id: 'a' },
        { id: 'b' },
        { id: 'c', state: CheckState.PLANNED, ...gated },
        { id: 'd', state: CheckState.PLANNED },
        { id: 'e', state: CheckState.FINAL },
      ],
      stages: [
        { id: 's', ...gated },
        { id: 't' },
        { id: 'u', continuationGroup: all(onCheck('b')) },
        { id: 'v' },
        { id: 'w' },
      ],
    });
    await plan.complete('u');
    await plan.complete('v');
    await plan.complete('w');
    const counts = (await plan.get()).nodeCounts;
    const present = (byState: Record<number, number> | undefined) =>
      Object.fromEntries(Object.entries(byState ?? {}).filter(([, count]) => count > 0));
    expect(present(counts?.checksByState)).toEqual({ 10: 2, 20: 1, 30: 1, 40: 1 });
    expect(present(counts?.stagesByState)).toEqual({ 10: 1, 20: 1, 30: 1, 40: 2 });
  });

  test('an unknown plan is NOT_FOUND', async () => {
    const nowhere = server.open('no-such-plan');
    const expected = { code: 'NOT_FOUND', reason: 'WORK_PLAN_NOT_FOUND' } as const;
    await refused(nowhere.get(), expected);
    await refused(nowhere.query(), expected);
    await refused(nowhere.write({}), expected);
    await refused(nowhere.write({ checks: [{ id: 'a' }] }), expected);
    await refused(nowhere.runStage('s'), expected);
  });
});

describe('semantics 8: plan outcome', () => {
  type Step = (plan: TestPlan) => Promise<unknown>;
  const good: Step = (plan) => plan.pass('good');
  const bad: Step = (plan) => plan.reject('bad');
  const failedStage: Step = (plan) =>
    plan.attempt('failed', { state: AttemptState.INCOMPLETE, blockNewAttempts: true });
  const cancelledStage: Step = (plan) => plan.cancelStage('cancelled');
  const skippedStage: Step = async (plan) => {
    await plan.write({
      checks: [rejected('reason')],
      stages: [{ id: 'skipped', dependencies: all(onCheck('reason', DependencyCondition.SUCCEEDED)) }],
    });
  };
  const skippedByWriter: Step = async (plan) => {
    await plan.write({ checks: [{ id: 'reason' }], stages: [{ id: 'skipped', dependencies: all(onCheck('reason')) }] });
    await plan.writeStage({ id: 'skipped', state: StageState.FINAL });
    await plan.pass('reason');
  };
  const cases: readonly { name: string; steps: readonly Step[]; outcome: Outcome }[] = [
    { name: 'all good', steps: [good], outcome: Outcome.SUCCEEDED },
    { name: 'a check FAILED', steps: [good, bad], outcome: Outcome.FAILED },
    { name: 'a stage FAILED', steps: [good, failedStage], outcome: Outcome.FAILED },
    { name: 'a stage CANCELLED', steps: [good, cancelledStage], outcome: Outcome.CANCELLED },
    { name: 'FAILED before CANCELLED', steps: [cancelledStage, failedStage], outcome: Outcome.FAILED },
    { name: 'SKIPPED does not count', steps: [good, skippedByWriter], outcome: Outcome.SUCCEEDED },
    { name: 'what FAILED and led to SKIPPED does', steps: [good, skippedStage], outcome: Outcome.FAILED },
  ];
  test.each(cases)('$name', async ({ steps, outcome }) => {
    const plan = await server.plan();
    await plan.write({
      stages: steps.flatMap((step) =>
        step === failedStage ? [{ id: 'failed' }] : step === cancelledStage ? [{ id: 'cancelled' }] : [],
      ),
    });
    for (const step of steps) await step(plan);
    expect(await plan.get()).toMatchObject({ state: COMPLETE, outcome });
  });

  test('CANCELLED for a cancelled plan, whatever FAILED', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [rejected('bad'), { id: 'open' }] });
    expect(await plan.cancel()).toMatchObject({ state: CANCELLED, outcome: Outcome.CANCELLED });
  });
});
