import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, type Group, onCheck } from './harness/groups.ts';
import type { AttemptWriteInit, StageWriteInit, TestPlan, WriteInit } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNING, PLANNED, WAITING, FINAL } = CheckState;
const { INCOMPLETE } = AttemptState;
const held = { dependencies: all(onCheck('gate', DependencyCondition.SUCCEEDED)) };

type Goal = CheckState | undefined;
type Also = { dependencies?: Group; continuationGroup?: Group; currentAttempt?: AttemptWriteInit };
/** A stage assigned to check `c`. */
const assigned = (id: string, goalState?: Goal, also: Also = {}): StageWriteInit => ({
  ...also,
  id,
  assignments: [{ targetCheckId: 'c', ...(goalState === undefined ? {} : { goalState }) }],
});

async function planOf(write: WriteInit): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ ...write, checks: [{ id: 'gate' }, ...(write.checks ?? [])] });
  return plan;
}

const fail = (plan: TestPlan, id: string) =>
  plan.attempt(id, { state: INCOMPLETE, blockNewAttempts: true, failure: { message: `${id} broke` } });
const cancel = (plan: TestPlan, id: string) => plan.cancelStage(id);
const skip = (plan: TestPlan, id: string) => plan.writeStage({ id, state: StageState.FINAL });

describe('semantics 7: goal PLANNED', () => {
  test('is due when all assigned stages are FINAL: PLANNING → PLANNED', async () => {
    const plan = await planOf({
      checks: [{ id: 'c', dependencies: all(onCheck('gate')) }],
      stages: [assigned('s', PLANNED), assigned('t', PLANNED)],
    });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ state: PLANNED, results: [] });
  });

  test('and on to WAITING when its dependencies are satisfied', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', PLANNED)] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: WAITING, version: 2n });
  });

  test('leaves a check alone that is there already', async () => {
    const plan = await planOf({ checks: [{ id: 'c', state: PLANNED }], stages: [assigned('s', PLANNED)] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: WAITING, version: 1n });
  });

  test.each([
    { name: 'FAILED', end: fail },
    { name: 'CANCELLED', end: cancel },
  ])('one $name stage: FINAL at once, with a failure that names it', async ({ end }) => {
    const plan = await planOf({
      checks: [{ id: 'c', dependencies: all(onCheck('gate')) }],
      stages: [assigned('culprit', PLANNED), assigned('t', PLANNED)],
    });
    await end(plan, 'culprit');
    const check = await plan.check('c');
    expect(check).toMatchObject({ state: FINAL, outcome: Outcome.FAILED, results: [{ ownerType: 'orchestrator' }] });
    expect(check.results[0]?.failure?.message).toContain('culprit');
    expect(check.results[0]?.finalizedAt).toBeDefined();
  });
});

describe('semantics 7: goal FINAL', () => {
  test.each([
    { name: 'given', goal: FINAL },
    { name: 'unset', goal: undefined },
  ])('$name: PLANNING → FINAL when all assigned stages are FINAL', async ({ goal }) => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', goal), assigned('t', goal)] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, version: 2n, results: [] });
  });

  test.each([PLANNING, PLANNED, WAITING])('from %i', async (state) => {
    const dependencies = all(...(state === PLANNED ? [onCheck('gate')] : []));
    const asked = state === WAITING ? PLANNED : state;
    const plan = await planOf({ checks: [{ id: 'c', state: asked, dependencies }], stages: [assigned('s', FINAL)] });
    expect(await plan.check('c')).toMatchObject({ state });
    await plan.complete('s');
    if (state === PLANNED) await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test("waits for the check's own dependencies on the way", async () => {
    const plan = await planOf({ checks: [{ id: 'c', ...held }], stages: [assigned('s', FINAL)] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: PLANNED });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('whose dependencies cannot be satisfied is SKIPPED', async () => {
    const plan = await planOf({ checks: [{ id: 'c', ...held }], stages: [assigned('s', FINAL)] });
    await plan.complete('s');
    await plan.reject('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SKIPPED, results: [] });
  });

  test('one FINAL among PLANNED goals is enough', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', PLANNED), assigned('t', FINAL)] });
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: FINAL });
  });

  test('a stage in AWAITING_GROUP is not FINAL', async () => {
    const plan = await planOf({
      checks: [{ id: 'c' }],
      stages: [assigned('s', FINAL, { continuationGroup: all(onCheck('gate')) })],
    });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL });
  });

  test('the outcome comes from the results', async () => {
    const plan = await planOf({ checks: [{ id: 'c', state: PLANNED }], stages: [assigned('s')] });
    const result = { ownerType: 'stage_attempt', ownerId: 's:1', failure: { message: 'no' } };
    await plan.writeCheck({ id: 'c', result });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      results: [{ ownerId: 's:1' }],
    });
  });

  test('it sets others free in the same write', async () => {
    const plan = await planOf({
      checks: [
        { id: 'c' },
        { id: 'next', state: PLANNED, dependencies: all(onCheck('c', DependencyCondition.SUCCEEDED)) },
      ],
      stages: [assigned('s')],
    });
    const { revision } = await plan.complete('s');
    expect(await plan.check('next')).toMatchObject({ state: WAITING, revision });
  });

  test('in one write with the check, the stage and its end', async () => {
    const plan = await planOf({
      checks: [{ id: 'c' }],
      stages: [assigned('s', FINAL, { currentAttempt: { state: AttemptState.COMPLETE } })],
    });
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, version: 1n });
  });

  test('one stage may answer for several checks', async () => {
    const assignments = [{ targetCheckId: 'c' }, { targetCheckId: 'd', goalState: PLANNED }];
    const plan = await planOf({ checks: [{ id: 'c' }, { id: 'd' }], stages: [{ id: 's', assignments }] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: FINAL });
    expect(await plan.check('d')).toMatchObject({ state: WAITING });
  });
});

describe('semantics 7: work that ended without an answer', () => {
  test.each([
    { name: 'FAILED', end: fail },
    { name: 'CANCELLED', end: cancel },
  ])('a $name stage among good ones: FAILED once all are FINAL, with a failure that names it', async ({ end }) => {
    const plan = await planOf({ checks: [{ id: 'c', state: PLANNED }], stages: [assigned('culprit'), assigned('t')] });
    await end(plan, 'culprit');
    expect(await plan.check('c'), 'the result is written when the check becomes FINAL').toMatchObject({
      state: WAITING,
      results: [],
    });
    await plan.complete('t');
    const check = await plan.check('c');
    expect(check).toMatchObject({ state: FINAL, outcome: Outcome.FAILED, results: [{ ownerType: 'orchestrator' }] });
    expect(check.results).toHaveLength(1);
    expect(check.results[0]?.failure?.message).toContain('culprit');
    expect(check.results[0]?.finalizedAt).toBeDefined();
  });

  test("still waits for the check's own dependencies", async () => {
    const plan = await planOf({ checks: [{ id: 'c', ...held }], stages: [assigned('s')] });
    await fail(plan, 's');
    expect(await plan.check('c')).toMatchObject({ state: PLANNED, results: [] });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      results: [{ ownerType: 'orchestrator' }],
    });
  });

  test('a failed goal whose check is SKIPPED leaves no result', async () => {
    const plan = await planOf({ checks: [{ id: 'c', ...held }], stages: [assigned('s')] });
    await fail(plan, 's');
    await plan.reject('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SKIPPED });
  });

  test('all SKIPPED counts as failed', async () => {
    const plan = await planOf({
      checks: [{ id: 'c' }],
      stages: [assigned('s', FINAL, held), assigned('t', FINAL, held)],
    });
    await skip(plan, 's');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.reject('gate');
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      results: [{ ownerType: 'orchestrator' }],
    });
  });

  test('SKIPPED beside SUCCEEDED does not', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', FINAL, held), assigned('t', FINAL)] });
    await skip(plan, 's');
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, results: [] });
  });

  test('goal PLANNED, all SKIPPED', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', PLANNED, held)] });
    await skip(plan, 's');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.FAILED });
  });

  test('a FINAL check is never touched', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s'), assigned('t', PLANNED)] });
    await plan.pass('c');
    await fail(plan, 's');
    await fail(plan, 't');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, version: 2n, results: [] });
  });

  test('a retry is not the end', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s')] });
    await plan.attempt('s', { state: INCOMPLETE });
    expect(await plan.check('c')).toMatchObject({ state: PLANNING });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('a writer may decide before: then the goal finds a FINAL check', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s')] });
    await plan.reject('c');
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ outcome: Outcome.FAILED, results: [{ ownerType: 'test' }] });
  });
});

describe('semantics 7: who counts', () => {
  test('a stage that is assigned while the check still waits for its dependencies', async () => {
    const plan = await planOf({ checks: [{ id: 'c', ...held }], stages: [assigned('s')] });
    await plan.complete('s');
    expect(await plan.check('c')).toMatchObject({ state: PLANNED });
    await plan.write({ stages: [assigned('t')] });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: WAITING });
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('one FAILED stage with goal PLANNED does not wait for those with goal FINAL', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s', PLANNED), assigned('t', FINAL)] });
    await fail(plan, 's');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.FAILED });
    await plan.complete('t');
    expect(await plan.check('c')).toMatchObject({ version: 2n });
  });

  test('assigning a stage twice to one check is INVALID_ARGUMENT', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }] });
    const expected: Expected = { code: 'INVALID_ARGUMENT', field: 'stages[0].assignments[1].target_check_id' };
    for (const goalState of [PLANNED, FINAL]) {
      await plan.refuses(
        { stages: [{ id: 's', assignments: [{ targetCheckId: 'c' }, { targetCheckId: 'c', goalState }] }] },
        expected,
      );
    }
  });
});

describe('semantics 7: goal_state', () => {
  test.each([PLANNING, WAITING])('%i is INVALID_ARGUMENT', async (goal) => {
    const plan = await planOf({ checks: [{ id: 'c' }] });
    const field = 'stages[0].assignments[0].goal_state';
    const expected: Expected = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field };
    await plan.refuses({ stages: [assigned('s', goal)] }, expected);
  });

  test('unset is shown as FINAL', async () => {
    const plan = await planOf({ checks: [{ id: 'c' }], stages: [assigned('s')] });
    expect((await plan.stage('s')).assignments).toMatchObject([{ targetCheckId: 'c', goalState: FINAL }]);
  });
});
