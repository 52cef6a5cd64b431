import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  ConcludedReason,
  DependencyCondition,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, any, type Group, onCheck, onStage } from './harness/groups.ts';
import type { StageWriteInit, TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL } = StageState;
const { COMPLETE, INCOMPLETE } = AttemptState;
const notLive: Expected = { code: 'FAILED_PRECONDITION', reason: ['STALE_ATTEMPT', 'NO_LIVE_ATTEMPT', 'NODE_FINAL'] };
const ofAttempt = (attemptIdx: number) => ({ stageId: 'parent', attemptIdx });

/** A plan whose stage `parent` is ATTEMPTING and has written stage `child`. */
async function family(parent: StageWriteInit = {}): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ checks: [{ id: 'gate' }], stages: [{ ...parent, id: 'parent' }] });
  await plan.write({ attempt: ofAttempt(1), stages: [{ id: 'child' }] });
  return plan;
}

describe('semantics 6: who is a child', () => {
  test('a stage created by a write that carries the attempt', async () => {
    const plan = await family();
    expect(await plan.stage('child')).toMatchObject({ parentStageId: 'parent', state: ATTEMPTING });
    expect(await plan.stage('parent')).toMatchObject({ parentStageId: '' });
  });

  test('a stage created without it is none, whatever its dependencies', async () => {
    const plan = await family();
    expect(await plan.writeStage({ id: 'free', dependencies: all(onStage('child')) })).toMatchObject({
      parentStageId: '',
    });
    expect(await plan.complete('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.complete('child');
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL });
  });

  test('updates and equal re-creates never change parentage', async () => {
    const plan = await family();
    await plan.write({ stages: [{ id: 'free', args: { a: 1 } }] });
    await plan.ignores({ attempt: ofAttempt(1), stages: [{ id: 'free', args: { a: 1 } }] });
    await plan.ignores({ stages: [{ id: 'child' }] });
    await plan.write({ attempt: ofAttempt(1), stages: [{ id: 'free', currentAttempt: { processUid: 'x' } }] });
    await plan.write({
      attempt: { stageId: 'free', attemptIdx: 1 },
      stages: [{ id: 'child', currentAttempt: { processUid: 'y' } }],
    });
    expect(await plan.stage('free')).toMatchObject({ parentStageId: '' });
    expect(await plan.stage('child')).toMatchObject({ parentStageId: 'parent' });
  });

  test('checks of such a write hold nothing', async () => {
    const plan = await family();
    await plan.write({ attempt: ofAttempt(1), checks: [{ id: 'question' }] });
    await plan.complete('child');
    expect(await plan.complete('parent')).toMatchObject({ state: FINAL });
  });

  test('children have children', async () => {
    const plan = await family();
    await plan.write({ attempt: { stageId: 'child', attemptIdx: 1 }, stages: [{ id: 'grandchild' }] });
    await plan.complete('parent');
    await plan.complete('child');
    expect(await plan.stage('child')).toMatchObject({ state: AWAITING_GROUP });
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.complete('grandchild');
    expect(await plan.stage('child')).toMatchObject({ state: FINAL });
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL });
  });
});

describe('semantics 6: the reference must be the live attempt', () => {
  const stages = [{ id: 'late' }];

  test('another index', async () => {
    const plan = await family();
    for (const idx of [2, 7]) await plan.refuses({ attempt: ofAttempt(idx), stages }, notLive);
    await plan.attempt('parent', { state: INCOMPLETE });
    await plan.refuses({ attempt: ofAttempt(1), stages }, notLive);
    await plan.write({ attempt: ofAttempt(2), stages });
  });

  test.each([
    { name: 'PLANNED', parent: { dependencies: all(onCheck('gate')) }, act: undefined },
    { name: 'AWAITING_GROUP', parent: { continuationGroup: all(onCheck('gate')) }, act: 'complete' },
    { name: 'FINAL', parent: {}, act: 'complete' },
  ])('of a stage that is $name', async ({ parent, act }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ ...parent, id: 'parent' }] });
    if (act !== undefined) await plan.complete('parent');
    await plan.refuses({ attempt: ofAttempt(1), stages }, notLive);
    await plan.refuses({ attempt: ofAttempt(1), checks: [{ id: 'gate', state: CheckState.FINAL }] }, notLive);
  });

  test('and its holder if it names a process_uid', async () => {
    const plan = await family();
    const other: Expected = { code: 'FAILED_PRECONDITION', reason: ['ATTEMPT_CLAIMED', 'STALE_ATTEMPT'] };
    await plan.refuses({ attempt: { ...ofAttempt(1), processUid: 'me' }, stages }, other);
    await plan.attempt('parent', { processUid: 'me' });
    await plan.refuses({ attempt: { ...ofAttempt(1), processUid: 'other' }, stages }, other);
    await plan.write({ attempt: { ...ofAttempt(1), processUid: 'me' }, stages });
    await plan.write({ attempt: ofAttempt(1), stages: [{ id: 'later' }] });
    expect(await plan.stage('late')).toMatchObject({ parentStageId: 'parent' });
    expect(await plan.stage('later')).toMatchObject({ parentStageId: 'parent' });
  });

  test('an unknown stage is NOT_FOUND', async () => {
    const plan = await family();
    const attempt = { stageId: 'ghost', attemptIdx: 1 };
    await plan.refuses({ attempt, stages }, { code: 'NOT_FOUND', reason: 'STAGE_NOT_FOUND' });
  });
});

describe('semantics 6: without a group of its own a stage waits for its children, with any outcome', () => {
  const ends = [
    { name: 'SUCCEEDED', act: (plan: TestPlan) => plan.complete('child') },
    { name: 'FAILED', act: (plan: TestPlan) => plan.attempt('child', { state: INCOMPLETE, blockNewAttempts: true }) },
    { name: 'CANCELLED', act: (plan: TestPlan) => plan.cancelStage('child') },
  ];
  test.each(ends)('a child that $name', async ({ act }) => {
    const plan = await family();
    expect(await plan.complete('parent')).toMatchObject({ state: AWAITING_GROUP, outcome: Outcome.UNKNOWN });
    await act(plan);
    expect(await plan.stage('parent')).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
      concludedReason: ConcludedReason.ATTEMPT_COMPLETE,
    });
  });

  test('all of them', async () => {
    const plan = await family();
    await plan.write({
      attempt: ofAttempt(1),
      stages: [{ id: 'second' }, { id: 'third', dependencies: all(onStage('second')) }],
    });
    await plan.complete('parent');
    for (const id of ['second', 'child']) {
      await plan.complete(id);
      expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    }
    await plan.complete('third');
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL });
  });

  test('children that ended before do not hold it', async () => {
    const plan = await family();
    await plan.complete('child');
    expect(await plan.complete('parent')).toMatchObject({ state: FINAL });
  });

  test('children of attempt 1 go on running and still belong', async () => {
    const plan = await family();
    await plan.attempt('parent', { state: INCOMPLETE });
    expect(await plan.stage('child')).toMatchObject({ state: ATTEMPTING, parentStageId: 'parent' });
    await plan.write({ attempt: ofAttempt(2), stages: [{ id: 'second' }] });
    await plan.complete('parent');
    await plan.complete('second');
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.complete('child');
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('a stage that failed for good waits too; the outcome is that of its own attempt', async () => {
    const plan = await family();
    await plan.attempt('parent', { state: INCOMPLETE, blockNewAttempts: true });
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.complete('child');
    expect(await plan.stage('parent')).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.ATTEMPT_BLOCKED_RETRY,
    });
  });

  test.each(['first', 'last'])('parent (%s) and child may end in one write', async (place) => {
    const plan = await family();
    const ends = ['parent', 'child'].map((id) => ({ id, currentAttempt: { state: COMPLETE } }));
    await plan.write({ stages: place === 'first' ? ends : ends.toReversed() });
    expect((await plan.query()).stages.map(({ state }) => state)).toEqual([FINAL, FINAL]);
  });

  test("a writer's FINAL does not wait for them, and leaves them alone", async () => {
    const plan = await family();
    expect(await plan.writeStage({ id: 'parent', state: FINAL })).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
    });
    expect(await plan.stage('child')).toMatchObject({ state: ATTEMPTING });
  });

  test('children and the end of the attempt may come in one write', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 'parent' }] });
    const stages = [{ id: 'parent', currentAttempt: { state: COMPLETE } }, { id: 'child' }];
    await plan.write({ attempt: ofAttempt(1), stages });
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    expect(await plan.stage('child')).toMatchObject({ parentStageId: 'parent' });
  });
});

describe('semantics 6: an explicit continuation group', () => {
  const onGate = all(onCheck('gate'));

  test.each([
    { name: 'at creation', at: 'creation' },
    { name: 'while PLANNED', at: 'PLANNED' },
    { name: 'while ATTEMPTING', at: 'ATTEMPTING' },
    { name: 'in the write that moves the stage on', at: 'move' },
    { name: 'in the write that completes the attempt', at: 'complete' },
  ])('$name', async ({ at }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }, { id: 'start' }] });
    const group = (here: boolean) => (here ? { continuationGroup: onGate } : {});
    await plan.writeStage({ id: 's', dependencies: all(onCheck('start')), ...group(at === 'creation') });
    if (at === 'PLANNED') await plan.writeStage({ id: 's', ...group(true) });
    await plan.pass('start');
    if (at === 'ATTEMPTING') await plan.writeStage({ id: 's', ...group(true) });
    if (at === 'move') await plan.writeStage({ id: 's', state: AWAITING_GROUP, ...group(true) });
    else await plan.writeStage({ id: 's', currentAttempt: { state: COMPLETE }, ...group(at === 'complete') });
    expect(await plan.stage('s')).toMatchObject({
      state: AWAITING_GROUP,
      continuationGroup: { dependencies: [{ targetId: 'gate' }] },
    });
    await plan.pass('gate');
    expect(await plan.stage('s')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('takes the place of the children', async () => {
    const plan = await family({ continuationGroup: onGate });
    await plan.complete('parent');
    await plan.complete('child');
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.pass('gate');
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL });
  });

  test('satisfied before: straight on, though a child is open', async () => {
    const plan = await family({ continuationGroup: onGate });
    await plan.pass('gate');
    expect(await plan.complete('parent')).toMatchObject({ state: FINAL });
    expect(await plan.stage('child')).toMatchObject({ state: ATTEMPTING });
  });

  test('the last one wins', async () => {
    const plan = await family({ continuationGroup: onGate });
    await plan.writeStage({ id: 'parent', continuationGroup: any(onStage('child'), onCheck('gate')) });
    await plan.writeStage({ id: 'parent', continuationGroup: all(onStage('child', DependencyCondition.SUCCEEDED)) });
    await plan.complete('parent');
    await plan.pass('gate');
    expect(await plan.stage('parent')).toMatchObject({ state: AWAITING_GROUP });
    await plan.complete('child');
    expect(await plan.stage('parent')).toMatchObject({ state: FINAL });
  });

  test('later only an equal one', async () => {
    const plan = await family({ continuationGroup: onGate });
    await plan.complete('parent');
    const different: readonly Group[] = [all(onStage('child')), any(onCheck('gate'), onStage('child')), {}];
    const expected: Expected = { code: 'FAILED_PRECONDITION', reason: ['IMMUTABLE_FIELD', 'NODE_FINAL'] };
    await plan.ignores({ stages: [{ id: 'parent', continuationGroup: onGate }] });
    for (const continuationGroup of different)
      await plan.refuses({ stages: [{ id: 'parent', continuationGroup }] }, expected);
    await plan.pass('gate');
    await plan.ignores({ stages: [{ id: 'parent', continuationGroup: onGate }] });
    for (const continuationGroup of different)
      await plan.refuses({ stages: [{ id: 'parent', continuationGroup }] }, expected);
  });

  test('unsatisfiable resolves it as well: its own outcome', async () => {
    const plan = await server.plan();
    const continuationGroup = all(onCheck('gate', DependencyCondition.SUCCEEDED));
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', continuationGroup }] });
    await plan.complete('s');
    await plan.reject('gate');
    expect(await plan.stage('s')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('is tracked from AWAITING_GROUP on only', async () => {
    const plan = await family({ continuationGroup: onGate });
    await plan.pass('gate');
    expect(await plan.stage('parent')).toMatchObject({ state: ATTEMPTING });
    await plan.attempt('parent', { state: INCOMPLETE });
    expect(await plan.stage('parent')).toMatchObject({ state: ATTEMPTING });
  });

  test('does not apply to a stage that never attempted', async () => {
    const plan = await server.plan();
    const dependencies = all(onCheck('start', DependencyCondition.SUCCEEDED));
    await plan.write({
      checks: [{ id: 'gate' }, { id: 'start' }],
      stages: [{ id: 's', dependencies, continuationGroup: onGate }],
    });
    expect(await plan.stage('s')).toMatchObject({ state: PLANNED });
    await plan.reject('start');
    expect(await plan.stage('s')).toMatchObject({ state: FINAL, outcome: Outcome.SKIPPED });
  });
});
