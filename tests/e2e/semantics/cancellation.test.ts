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
import { all, onCheck, onStage } from './harness/groups.ts';
import { lastAttempt, type TestPlan, type WriteInit } from './harness/plan.ts';
import { refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
/** One that may be stopped while others are at work. */
const restarting = useServer();
const { PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL } = StageState;
const { PENDING, RUNNING, COMPLETE, INCOMPLETE } = AttemptState;
const gated = all(onCheck('gate'));
const me = { processUid: 'me', attemptIdx: 1 };
const GRACE_MS = 10_000;

async function planOf(write: WriteInit): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ ...write, checks: [{ id: 'gate' }, ...(write.checks ?? [])] });
  return plan;
}

const cancelled = { state: FINAL, outcome: Outcome.CANCELLED, concludedReason: ConcludedReason.CANCELLED };
const stopped = { state: INCOMPLETE, failure: { reason: 'CANCELLED' } };

describe.each([
  { way: 'CancelStage', cancel: (plan: TestPlan, id: string) => plan.cancelStage(id, 'not needed') },
  { way: 'StageWrite.cancel', cancel: (plan: TestPlan, id: string) => plan.writeStage({ id, cancel: true }) },
])('semantics 8: a stage cancelled by $way', ({ cancel }) => {
  test('PLANNED: FINAL / CANCELLED at once', async () => {
    const plan = await planOf({ stages: [{ id: 's', dependencies: gated }] });
    const stage = await cancel(plan, 's');
    expect(stage).toMatchObject({ ...cancelled, attempts: [], version: 2n });
    expect(stage.cancelledAt).toBeDefined();
    expect(await plan.stage('s')).toEqual(stage);
  });

  test('an unowned PENDING attempt ends at once, without another', async () => {
    const plan = await planOf({ stages: [{ id: 's', executionPolicy: { maxAttempts: 5 } }] });
    const stage = await cancel(plan, 's');
    expect(stage).toMatchObject({ ...cancelled, attempts: [stopped] });
    expect(stage.attempts).toHaveLength(1);
  });

  test('a retry that waits for its backoff ends at once', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', { failure: { message: 'lost' } });
    expect(await cancel(plan, 's')).toMatchObject({
      ...cancelled,
      attempts: [{ failure: { message: 'lost' } }, stopped],
    });
  });

  test('an owned attempt is told to stop; COMPLETE within the grace counts', async () => {
    const plan = await planOf({ checks: [{ id: 'c', state: CheckState.PLANNED }], stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    const told = await cancel(plan, 's');
    expect(told).toMatchObject({ state: ATTEMPTING, outcome: Outcome.UNKNOWN, attempts: [{ state: RUNNING }] });
    expect(told.cancelledAt).toBeDefined();
    await plan.write({
      checks: [
        {
          id: 'c',
          state: CheckState.FINAL,
          result: { ownerType: 'stage_attempt', ownerId: 's:1', data: { kept: true } },
        },
      ],
      stages: [{ id: 's', currentAttempt: { ...me, details: { kept: true }, state: COMPLETE } }],
    });
    expect(await plan.stage('s')).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
      attempts: [{ state: COMPLETE, details: { kept: true } }],
    });
    expect(await plan.check('c')).toMatchObject({ outcome: Outcome.SUCCEEDED, results: [{ data: { kept: true } }] });
  });

  test('INCOMPLETE within the grace: CANCELLED, no new attempt', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await cancel(plan, 's');
    const stage = await plan.attempt('s', { ...me, failure: { message: 'interrupted' } });
    expect(stage).toMatchObject(cancelled);
    expect(stage.attempts).toHaveLength(1);
  });

  test('in AWAITING_GROUP: FINAL with its own outcome, whatever its group', async () => {
    const plan = await planOf({
      stages: [
        { id: 's', continuationGroup: gated },
        { id: 'f', continuationGroup: gated },
      ],
    });
    await plan.complete('s');
    await plan.attempt('f', { state: INCOMPLETE, blockNewAttempts: true });
    expect(await cancel(plan, 's')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
    expect(await cancel(plan, 'f')).toMatchObject({ state: FINAL, outcome: Outcome.FAILED });
  });

  test('FINAL: no effect', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.complete('s');
    const before = await plan.snapshot();
    expect(await cancel(plan, 's')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
    await plan.expectUnchanged(before);
  });

  test('repeated: no effect', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await cancel(plan, 's');
    const before = await plan.snapshot();
    await cancel(plan, 's');
    await plan.expectUnchanged(before);
  });

  test('its children that are not FINAL are cancelled with it, and theirs', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    const attempt = { stageId: 's', attemptIdx: 1 };
    await plan.write({
      attempt,
      stages: [{ id: 'held', dependencies: gated }, { id: 'at-work' }, { id: 'done' }, { id: 'owned' }],
    });
    await plan.write({ attempt: { stageId: 'at-work', attemptIdx: 1 }, stages: [{ id: 'grandchild' }] });
    await plan.complete('done');
    await plan.attempt('owned', me);
    await plan.complete('s');
    expect(await plan.stage('s')).toMatchObject({ state: AWAITING_GROUP });
    expect(await cancel(plan, 's')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
    for (const id of ['held', 'at-work', 'grandchild']) expect(await plan.stage(id), id).toMatchObject(cancelled);
    expect(await plan.stage('done')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    const owned = await plan.stage('owned');
    expect(owned).toMatchObject({ state: ATTEMPTING });
    expect(owned.cancelledAt).toBeDefined();
  });

  test('children that it writes later are born cancelled', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await cancel(plan, 's');
    await plan.write({
      attempt: { stageId: 's', ...me },
      stages: [{ id: 'late' }, { id: 'held', dependencies: gated }],
    });
    expect(await plan.stage('late')).toMatchObject({ ...cancelled, parentStageId: 's', version: 1n });
    expect(await plan.stage('held')).toMatchObject({ ...cancelled, parentStageId: 's', version: 1n });
    expect(await plan.writeStage({ id: 'unrelated' })).toMatchObject({ state: ATTEMPTING });
  });
});

describe('semantics 8: the grace time of an owned attempt', { concurrent: true }, () => {
  // The one thing here that takes its time: 10 s by the document.
  test('INCOMPLETE(CANCELLED) at its end, no new attempt', async ({ expect }) => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await plan.cancelStage('s');
    const stage = await plan.untilFinal('s', 2 * GRACE_MS);
    expect(stage).toMatchObject({ ...cancelled, attempts: [stopped] });
    const [told, ended] = [stage.cancelledAt, lastAttempt(stage).endedAt];
    expect(Number((ended?.seconds ?? 0n) - (told?.seconds ?? 0n))).toBeGreaterThanOrEqual(GRACE_MS / 1000 - 1);
  });

  test('it outlasts a restart of the server', async ({ expect }) => {
    const { id } = await restarting.plan();
    const before = restarting.open(id);
    await before.write({ checks: [{ id: 'c' }], stages: [{ id: 's', currentAttempt: me }] });
    await before.cancel();
    await restarting.restart();
    const plan = restarting.open(id);
    expect(await plan.stage('s')).toMatchObject({ state: ATTEMPTING, attempts: [{ state: RUNNING }] });
    expect(await plan.untilFinal('s', 3 * GRACE_MS)).toMatchObject({ ...cancelled, attempts: [stopped] });
    expect(await plan.check('c')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED });
  });

  test('in a cancelled plan: then its checks are CANCELLED', async ({ expect }) => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [{ id: 's', assignments: [{ targetCheckId: 'c' }] }] });
    await plan.attempt('s', me);
    await plan.cancel();
    expect(await plan.check('c')).toMatchObject({ state: CheckState.PLANNING });
    await plan.untilFinal('s', 2 * GRACE_MS);
    expect(await plan.check('c')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED, results: [] });
  });

  test('a stage that a writer makes FINAL while it is being cancelled ends as it says', async ({ expect }) => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await plan.cancelStage('s');
    expect(await plan.writeStage({ id: 's', state: FINAL })).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
    });
  });
});

describe('semantics 8: a plan', () => {
  test('every stage in one revision, then every check', async () => {
    const plan = await planOf({
      checks: [
        { id: 'planned', state: CheckState.PLANNED, dependencies: gated },
        { id: 'waiting', state: CheckState.PLANNED },
        { id: 'final', state: CheckState.FINAL },
      ],
      stages: [
        { id: 'planned', dependencies: gated },
        { id: 'pending' },
        { id: 'awaiting', continuationGroup: gated },
        { id: 'awaiting-failed', continuationGroup: gated },
        { id: 'done' },
      ],
    });
    await plan.complete('awaiting');
    await plan.attempt('awaiting-failed', { state: INCOMPLETE, blockNewAttempts: true });
    await plan.complete('done');
    const before = await plan.get();
    const after = await plan.cancel('superseded');
    expect(after).toMatchObject({
      state: WorkPlanState.CANCELLED,
      outcome: Outcome.CANCELLED,
      cancelReason: 'superseded',
      version: before.version + 1n,
    });
    expect(after.cancelledAt).toBeDefined();
    expect(await plan.get()).toEqual(after);
    const { checks, stages } = await plan.query();
    expect(Object.fromEntries(checks.map(({ id, state, outcome }) => [id, [state, outcome]]))).toEqual({
      gate: [CheckState.FINAL, Outcome.CANCELLED],
      planned: [CheckState.FINAL, Outcome.CANCELLED],
      waiting: [CheckState.FINAL, Outcome.CANCELLED],
      final: [CheckState.FINAL, Outcome.SUCCEEDED],
    });
    expect(Object.fromEntries(stages.map(({ id, state, outcome }) => [id, [state, outcome]]))).toEqual({
      planned: [FINAL, Outcome.CANCELLED],
      pending: [FINAL, Outcome.CANCELLED],
      awaiting: [FINAL, Outcome.SUCCEEDED],
      'awaiting-failed': [FINAL, Outcome.FAILED],
      done: [FINAL, Outcome.SUCCEEDED],
    });
    const touched = [...checks, ...stages].filter(({ id }) => id !== 'final' && id !== 'done');
    expect(touched.every(({ revision }) => revision === after.version)).toBe(true);
  });

  test('checks wait for the last stage; sections 5 and 7 move none of them', async () => {
    const plan = await planOf({
      checks: [
        { id: 'after', state: CheckState.PLANNED, dependencies: all(onStage('s')) },
        { id: 'never', state: CheckState.PLANNED, dependencies: all(onStage('s', DependencyCondition.FAILED)) },
        { id: 'goal' },
        { id: 'goal-planned' },
      ],
      stages: [
        {
          id: 's',
          assignments: [{ targetCheckId: 'goal' }, { targetCheckId: 'goal-planned', goalState: CheckState.PLANNED }],
        },
      ],
    });
    await plan.attempt('s', me);
    const { version } = await plan.cancel();
    expect((await plan.query()).checks.every(({ state }) => state !== CheckState.FINAL)).toBe(true);
    await plan.attempt('s', { ...me, state: COMPLETE });
    expect(await plan.stage('s')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
    const { checks } = await plan.query();
    for (const check of checks) {
      expect(check, check.id).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED, results: [] });
    }
    const moves = (await plan.history(version)).flatMap(({ event }) =>
      event.case === 'checkEvent' ? [event.value.newState] : [],
    );
    expect(new Set(moves)).toEqual(new Set([CheckState.FINAL]));
  });

  test('the holder may still answer a check within the grace', async () => {
    const plan = await planOf({ checks: [{ id: 'c', state: CheckState.PLANNED }], stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    await plan.cancel();
    const result = { ownerType: 'stage_attempt', ownerId: 's:1', data: { kept: true } };
    await plan.write({
      checks: [{ id: 'c', state: CheckState.FINAL, result }],
      stages: [{ id: 's', currentAttempt: { ...me, state: COMPLETE } }],
    });
    expect(await plan.check('c')).toMatchObject({
      state: CheckState.FINAL,
      outcome: Outcome.SUCCEEDED,
      results: [{ data: { kept: true } }],
    });
  });

  test('dependencies set no stage free any more', async () => {
    const plan = await planOf({ stages: [{ id: 's' }, { id: 'next', dependencies: all(onStage('s')) }] });
    await plan.attempt('s', me);
    await plan.cancel();
    expect(await plan.stage('next')).toMatchObject(cancelled);
    await plan.attempt('s', { ...me, state: COMPLETE });
    expect(await plan.stage('next')).toMatchObject({ ...cancelled, attempts: [] });
  });

  test('nodes written later are accepted and born cancelled', async () => {
    const plan = await planOf({});
    await plan.cancel();
    const { checks, stages } = await plan.write({
      checks: [
        { id: 'c', options: { a: 1 } },
        { id: 'd', state: CheckState.PLANNED, dependencies: all(onCheck('c')) },
      ],
      stages: [
        { id: 's', args: { b: 2 } },
        { id: 't', dependencies: all(onStage('s')) },
      ],
    });
    for (const check of checks)
      expect(check).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED, version: 1n });
    for (const stage of stages) expect(stage).toMatchObject({ ...cancelled, attempts: [], version: 1n });
    expect(await plan.get()).toMatchObject({ state: WorkPlanState.CANCELLED, outcome: Outcome.CANCELLED });
  });

  test('nodes written while an attempt is ending are born cancelled', async () => {
    const plan = await planOf({ stages: [{ id: 's', currentAttempt: me }] });
    await plan.cancel();
    await plan.write({ checks: [{ id: 'late' }], stages: [{ id: 'late' }] });
    expect(await plan.check('late')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED });
    expect(await plan.stage('late')).toMatchObject(cancelled);
    expect(await plan.check('gate')).toMatchObject({ state: CheckState.PLANNING });
    await plan.attempt('s', { ...me, state: INCOMPLETE });
    expect(await plan.check('gate')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.CANCELLED });
    expect(await plan.stage('s')).toMatchObject({ ...cancelled, attempts: [{ state: INCOMPLETE }] });
  });

  test('repeating is a no-op', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    const first = await plan.cancel('first');
    const before = await plan.snapshot();
    expect(await plan.cancel('second')).toEqual(first);
    await plan.expectUnchanged(before);
  });

  test('repeating is a no-op while an attempt is ending', async () => {
    const plan = await planOf({ stages: [{ id: 's' }] });
    await plan.attempt('s', me);
    const first = await plan.cancel('first');
    expect(await plan.cancel('second')).toEqual(first);
  });

  test('cancelling a COMPLETE plan has no effect', async () => {
    const plan = await planOf({});
    await plan.pass('gate');
    const before = await plan.snapshot();
    expect(await plan.cancel('too late')).toMatchObject({ state: WorkPlanState.COMPLETE, outcome: Outcome.SUCCEEDED });
    await plan.expectUnchanged(before);
  });

  test('a plan without nodes', async () => {
    const plan = await server.plan();
    expect(await plan.cancel()).toMatchObject({
      state: WorkPlanState.CANCELLED,
      outcome: Outcome.CANCELLED,
      version: 2n,
    });
  });
});

describe('semantics 10: what is not there', () => {
  test('CancelWorkPlan, CancelStage', async () => {
    const plan = await planOf({});
    const nowhere = server.open('no-such-plan');
    await refused(nowhere.cancel(), { code: 'NOT_FOUND', reason: 'WORK_PLAN_NOT_FOUND' });
    await refused(nowhere.cancelStage('s'), { code: 'NOT_FOUND', reason: 'WORK_PLAN_NOT_FOUND' });
    await refused(plan.cancelStage('ghost'), { code: 'NOT_FOUND', reason: 'STAGE_NOT_FOUND' });
  });

  test('a stage that is PLANNED or PENDING shows no cancellation before', async () => {
    const plan = await planOf({ stages: [{ id: 's' }, { id: 't', dependencies: gated }] });
    expect((await plan.stage('s')).cancelledAt).toBeUndefined();
    expect(await plan.stage('t')).toMatchObject({ state: PLANNED });
    expect(lastAttempt(await plan.stage('s'))).toMatchObject({ state: PENDING });
  });
});
