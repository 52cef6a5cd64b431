import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck, onStage } from './harness/groups.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNING, PLANNED, WAITING, FINAL } = CheckState;
const { COMPLETE, INCOMPLETE } = AttemptState;
const byAttempt = { ownerType: 'stage_attempt', ownerId: 's:1', data: { found: 1 } };
const red = { message: 'red' };

/** Several things in one write meet each other, whatever their order in the request. */
describe('semantics 2: a result is judged after the advance that its write causes', () => {
  test('the write that satisfies the dependencies of a check brings its result, though its goal ends it at once', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'd' }, { id: 'c', state: PLANNED, dependencies: all(onCheck('d')) }],
      stages: [{ id: 's', assignments: [{ targetCheckId: 'c', goalState: FINAL }] }],
    });
    await plan.complete('s');
    expect((await plan.check('c')).state).toBe(PLANNED);
    await plan.write({
      checks: [
        { id: 'c', result: { ownerType: 'ci', ownerId: '1', failure: red } },
        { id: 'd', state: FINAL },
      ],
    });
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.FAILED, results: [{ failure: red }] });
  });

  test.each([PLANNING, PLANNED])(
    'the end of a stage and the result of the check that it answers, from state %d',
    async (state) => {
      const plan = await server.plan();
      const dependencies = state === PLANNED ? { dependencies: all(onStage('s')) } : {};
      await plan.write({
        checks: [{ id: 'c', state, ...dependencies }],
        stages: [{ id: 's', assignments: [{ targetCheckId: 'c', goalState: FINAL }] }],
      });
      await plan.write({
        checks: [{ id: 'c', result: byAttempt }],
        stages: [{ id: 's', currentAttempt: { state: COMPLETE } }],
      });
      const check = await plan.check('c');
      expect(check).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, results: [{ data: { found: 1 } }] });
      expect(check.results[0]?.finalizedAt).toBeDefined();
    },
  );

  test('a result of a check that WAITS already comes before its write skips the last stage that answers it', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'gate' }, { id: 'c', state: PLANNED }],
      stages: [
        { id: 's', dependencies: all(onCheck('gate')), assignments: [{ targetCheckId: 'c', goalState: FINAL }] },
        { id: 't', assignments: [{ targetCheckId: 'c', goalState: FINAL }] },
      ],
    });
    await plan.complete('t');
    await plan.write({
      checks: [{ id: 'c', result: { ownerType: 'ci', ownerId: '1', data: { found: 2 } } }],
      stages: [{ id: 's', state: StageState.FINAL }],
    });
    expect(await plan.check('c')).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
      results: [{ data: { found: 2 } }],
    });
  });

  test('a result of an attempt that is taken only after its end is finalized with it', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'c', state: PLANNED, dependencies: all(onStage('s')) }],
      stages: [{ id: 's' }],
    });
    await plan.write({
      checks: [{ id: 'c', result: byAttempt }],
      stages: [{ id: 's', currentAttempt: { state: COMPLETE } }],
    });
    const check = await plan.check('c');
    expect(check.state).toBe(WAITING);
    expect(check.results[0]?.finalizedAt).toBeDefined();
  });

  test('an attempt that is tried again in the same write brings no result that is taken later', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'd' }, { id: 'c', state: PLANNED, dependencies: all(onStage('t')) }],
      stages: [{ id: 's' }, { id: 't' }],
    });
    await plan.refuses(
      {
        checks: [{ id: 'c', result: byAttempt }],
        stages: [
          { id: 's', currentAttempt: { state: INCOMPLETE } },
          { id: 't', currentAttempt: { state: COMPLETE } },
        ],
      },
      { code: 'FAILED_PRECONDITION', reason: 'STALE_ATTEMPT' },
    );
  });
});

describe('semantics 2: the outcome of a FINAL check is decided', () => {
  test('a result that it counted goes on counting when its attempt is tried again', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'c', state: PLANNED }], stages: [{ id: 's' }] });
    await plan.writeCheck({ id: 'c', state: FINAL, result: { ...byAttempt, failure: red } });
    const before = await plan.check('c');
    await plan.attempt('s', { state: INCOMPLETE });
    expect(await plan.check('c')).toEqual(before);
    expect(before.outcome).toBe(Outcome.FAILED);
  });
});

describe('repeats and contradictions', () => {
  test.each([
    { name: 'nothing', options: {} },
    { name: 'a removal of nothing', options: { a: null } },
  ])('options that say $name change nothing in any state', async ({ options }) => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', state: PLANNED });
    await plan.ignores({ checks: [{ id: 'c', options }] });
  });

  test('block_new_attempts is no repeat on an attempt that ended without it', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    await plan.complete('s');
    await plan.ignores({ stages: [{ id: 's', currentAttempt: { state: COMPLETE } }] });
    await plan.refuses(
      { stages: [{ id: 's', currentAttempt: { state: COMPLETE, blockNewAttempts: true } }] },
      { code: 'FAILED_PRECONDITION', reason: 'NO_LIVE_ATTEMPT' },
    );
  });

  test('a failure of the stage contradicts an attempt that is COMPLETE', async () => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    await plan.refuses(
      { stages: [{ id: 's', state: StageState.FINAL, failure: red, currentAttempt: { state: COMPLETE } }] },
      { code: 'INVALID_ARGUMENT', field: 'stages[0].failure' },
    );
  });

  test('a stage that is born cancelled still tells how its dependencies ended', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'c' }], stages: [{ id: 's', cancel: true, dependencies: all(onCheck('c')) }] });
    await plan.pass('c');
    expect((await plan.stage('s')).dependencies?.dependencies[0]?.resolution).toBeGreaterThan(0);
  });
});
