import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import type { TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNING, PLANNED, WAITING, FINAL } = CheckState;
const { COMPLETE, INCOMPLETE } = AttemptState;

const notTaken: Expected = { code: 'FAILED_PRECONDITION', reason: 'RESULT_NOT_ACCEPTED' };
const finalized: Expected = { code: 'FAILED_PRECONDITION', reason: 'RESULT_FINALIZED' };
const notLive: Expected = {
  code: 'FAILED_PRECONDITION',
  reason: ['STALE_ATTEMPT', 'NO_LIVE_ATTEMPT', 'RESULT_NOT_ACCEPTED'],
};
const result = { ownerType: 'ci', ownerId: '7', data: { passed: 12 } };
const negative = { ...result, failure: { message: 'three tests fail' } };

/** A plan with check `c` WAITING and stage `s` ATTEMPTING its first attempt. */
async function working(): Promise<TestPlan> {
  const plan = await server.plan();
  await plan.write({ checks: [{ id: 'c', state: PLANNED }], stages: [{ id: 's' }] });
  return plan;
}

const by = (owner: string) => ({ ownerType: 'stage_attempt', ownerId: owner, data: { from: owner } });

describe('semantics 2: which states take a result', () => {
  test('WAITING takes it and stays', async () => {
    const plan = await working();
    const check = await plan.writeCheck({ id: 'c', result });
    expect(check).toMatchObject({ state: WAITING, outcome: Outcome.UNKNOWN, version: 2n });
    expect(check.results).toMatchObject([result]);
    expect(check.results[0]?.id).toBeGreaterThan(0n);
    expect(check.results[0]?.createdAt).toBeDefined();
    expect(check.results[0]?.finalizedAt).toBeUndefined();
  });

  const gate = { id: 'gate' };
  const gated = all(onCheck('gate'));
  const cases = [
    { name: 'new, PLANNING', before: [], write: { id: 'c', result }, ends: undefined },
    {
      name: 'new, PLANNED, open',
      before: [],
      write: { id: 'c', state: PLANNED, dependencies: gated, result },
      ends: undefined,
    },
    { name: 'new, PLANNED, satisfied', before: [], write: { id: 'c', state: PLANNED, result }, ends: WAITING },
    { name: 'new, FINAL', before: [], write: { id: 'c', state: FINAL, result }, ends: FINAL },
    { name: 'PLANNING', before: [{ id: 'c' }], write: { id: 'c', result }, ends: undefined },
    {
      name: 'PLANNING → PLANNED, satisfied',
      before: [{ id: 'c' }],
      write: { id: 'c', state: PLANNED, result },
      ends: WAITING,
    },
    {
      name: 'PLANNING → PLANNED, open',
      before: [{ id: 'c', dependencies: gated }],
      write: { id: 'c', state: PLANNED, result },
      ends: undefined,
    },
    { name: 'PLANNING → FINAL', before: [{ id: 'c' }], write: { id: 'c', state: FINAL, result }, ends: FINAL },
    {
      name: 'PLANNED, open',
      before: [{ id: 'c', state: PLANNED, dependencies: gated }],
      write: { id: 'c', result },
      ends: undefined,
    },
    {
      name: 'PLANNED, open → FINAL',
      before: [{ id: 'c', state: PLANNED, dependencies: gated }],
      write: { id: 'c', state: FINAL, result },
      ends: FINAL,
    },
    {
      name: 'WAITING → FINAL',
      before: [{ id: 'c', state: PLANNED }],
      write: { id: 'c', state: FINAL, result },
      ends: FINAL,
    },
  ];
  test.each(cases)('$name', async ({ before, write, ends }) => {
    const plan = await server.plan();
    await plan.write({ checks: [gate, ...before] });
    if (ends === undefined) {
      await plan.refuses({ checks: [write] }, notTaken);
    } else {
      const check = await plan.writeCheck(write);
      expect(check).toMatchObject({ state: ends, results: [result] });
      expect(check.results[0]?.finalizedAt !== undefined, 'finalized by FINAL').toBe(ends === FINAL);
    }
  });

  test.each(['before', 'after'])(
    'judged after the advance: the write satisfies the dependencies, %s the result',
    async (order) => {
      const plan = await server.plan();
      await plan.write({ checks: [gate, { id: 'c', state: PLANNED, dependencies: gated }] });
      const checks = [
        { id: 'gate', state: FINAL },
        { id: 'c', result },
      ];
      await plan.write({ checks: order === 'before' ? checks : checks.toReversed() });
      expect(await plan.check('c')).toMatchObject({ state: WAITING, results: [result] });
    },
  );

  test('judged after the advance, FINAL excepted: the write also concludes the goal of an assignment', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'c', state: PLANNED }],
      stages: [{ id: 's', assignments: [{ targetCheckId: 'c' }] }],
    });
    await plan.write({
      checks: [{ id: 'c', result }],
      stages: [{ id: 's', currentAttempt: { state: COMPLETE } }],
    });
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, results: [result] });
  });

  test('SKIPPED in the same write takes none', async () => {
    const plan = await server.plan();
    const dependencies = all(onCheck('gate', DependencyCondition.FAILED));
    await plan.write({ checks: [gate, { id: 'c', state: PLANNED, dependencies }] });
    const checks = [
      { id: 'gate', state: FINAL },
      { id: 'c', result },
    ];
    await plan.refuses({ checks }, { code: 'FAILED_PRECONDITION' });
  });
});

describe('semantics 2: one result an owner, replaced until it is finalized', () => {
  test('the same owner replaces the data whole, another owner adds', async () => {
    const plan = await working();
    const [first] = (await plan.writeCheck({ id: 'c', result: { ...result, data: { a: 1, b: 2 } } })).results;
    const check = await plan.writeCheck({ id: 'c', result: { ...result, data: { b: 3 } } });
    expect(check.results).toHaveLength(1);
    expect(check.results[0]).toMatchObject({ id: first?.id, createdAt: first?.createdAt, data: { b: 3 } });
    expect(check.results[0]?.data).toEqual({ b: 3 });
    const two = await plan.writeCheck({ id: 'c', result: { ...result, ownerId: '8' } });
    expect(two.results.map(({ ownerId }) => ownerId)).toEqual(['7', '8']);
    const three = await plan.writeCheck({ id: 'c', result: { ...result, ownerType: 'human' } });
    expect(three.results).toHaveLength(3);
  });

  test('new data drops an earlier failure; a write without data keeps both', async () => {
    const plan = await working();
    const failure = { message: 'red', reason: 'X' };
    await plan.writeCheck({ id: 'c', result: { ...result, data: { red: 1 }, failure } });
    const owner = { ownerType: result.ownerType, ownerId: result.ownerId };
    await plan.ignores({ checks: [{ id: 'c', result: owner }] });
    const again = await plan.writeCheck({ id: 'c', result: { ...owner, failure: { message: 'redder' } } });
    expect(again.results[0]).toMatchObject({ data: { red: 1 }, failure: { message: 'redder' } });
    const green = await plan.writeCheck({ id: 'c', result: { ...owner, data: { red: 0 } } });
    expect(green.results[0]).toMatchObject({ data: { red: 0 } });
    expect(green.results[0]?.failure).toBeUndefined();
    expect((await plan.writeCheck({ id: 'c', state: FINAL })).outcome).toBe(Outcome.SUCCEEDED);
  });

  test('an equal repeat is a no-op', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: { ...result, data: { a: 1, b: { c: 2, d: 3 } } } });
    await plan.ignores({ checks: [{ id: 'c', result: { ...result, data: { b: { d: 3, c: 2 }, a: 1 } } }] });
  });

  test('finalize ends it: equal is a no-op, different refused; other owners may go on', async () => {
    const plan = await working();
    const check = await plan.writeCheck({ id: 'c', result: { ...result, finalize: true } });
    expect(check.results[0]?.finalizedAt).toBeDefined();
    expect(check.state).toBe(WAITING);
    await plan.ignores({ checks: [{ id: 'c', result: { ...result, finalize: true } }] });
    await plan.refuses({ checks: [{ id: 'c', result: { ...result, data: { passed: 13 } } }] }, finalized);
    await plan.refuses({ checks: [{ id: 'c', result: negative }] }, finalized);
    expect((await plan.writeCheck({ id: 'c', result: { ...result, ownerId: '8' } })).results).toHaveLength(2);
  });

  test('finalize alone may come later', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result });
    const check = await plan.writeCheck({ id: 'c', result: { ...result, finalize: true } });
    expect(check.version).toBe(3n);
    expect(check.results[0]?.finalizedAt).toBeDefined();
  });

  test('the check becoming FINAL finalizes every result', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result });
    await plan.writeCheck({ id: 'c', result: { ...result, ownerId: '8' } });
    const { results } = await plan.writeCheck({ id: 'c', state: FINAL });
    expect(results.map(({ finalizedAt }) => finalizedAt !== undefined)).toEqual([true, true]);
  });

  test.each([
    { end: 'COMPLETE', write: { state: COMPLETE } },
    { end: 'INCOMPLETE', write: { state: INCOMPLETE } },
  ])('the end of the owning attempt ($end) finalizes its results, not those of others', async ({ write }) => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: by('s:1') });
    await plan.writeCheck({ id: 'c', result });
    await plan.attempt('s', write);
    const { results, state } = await plan.check('c');
    expect(state).toBe(WAITING);
    expect(results.map(({ ownerId, finalizedAt }) => [ownerId, finalizedAt !== undefined])).toEqual([
      ['s:1', true],
      ['7', false],
    ]);
    await plan.refuses(
      { checks: [{ id: 'c', result: { ...by('s:1'), data: { late: true } } }] },
      {
        code: 'FAILED_PRECONDITION',
      },
    );
  });
});

describe('semantics 2: owners', () => {
  test('stage_attempt must be the live attempt of that stage', async () => {
    const plan = await working();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 'held', dependencies: all(onCheck('gate')) }] });
    for (const owner of ['s:2', 's:0', 'ghost:1', 'held:1', 's', ':1', 's:', 's:x', 's:01', 'c:1']) {
      await plan.refuses({ checks: [{ id: 'c', result: by(owner) }] }, notLive);
    }
    expect((await plan.writeCheck({ id: 'c', result: by('s:1') })).results).toMatchObject([by('s:1')]);
  });

  test('an ended attempt is not live, its successor is', async () => {
    const plan = await working();
    await plan.attempt('s', { failure: { message: 'lost' } });
    await plan.refuses({ checks: [{ id: 'c', result: by('s:1') }] }, notLive);
    await plan.writeCheck({ id: 'c', result: by('s:2') });
    await plan.complete('s');
    await plan.refuses({ checks: [{ id: 'c', result: { ...by('s:2'), data: {} } }] }, { code: 'FAILED_PRECONDITION' });
  });

  test('a stage id may contain colons: the last one counts', async () => {
    const plan = await working();
    await plan.write({ stages: [{ id: 'lint:1' }, { id: 'a/b:c' }] });
    await plan.refuses({ checks: [{ id: 'c', result: by('lint:1') }] }, notLive);
    await plan.writeCheck({ id: 'c', result: by('lint:1:1') });
    expect((await plan.writeCheck({ id: 'c', result: by('a/b:c:1') })).results).toHaveLength(2);
  });

  test('a result and the end of its attempt may come in one write', async () => {
    const plan = await working();
    await plan.write({
      checks: [{ id: 'c', state: FINAL, result: by('s:1') }],
      stages: [{ id: 's', currentAttempt: { attemptIdx: 1, processUid: 'me', state: COMPLETE } }],
    });
    expect(await plan.check('c')).toMatchObject({ state: FINAL, results: [by('s:1')] });
    expect(await plan.stage('s')).toMatchObject({ state: StageState.FINAL, outcome: Outcome.SUCCEEDED });
  });

  test('orchestrator is reserved', async () => {
    const plan = await working();
    const own = { ...result, ownerType: 'orchestrator' };
    const field = 'checks[0].result.owner_type';
    await plan.refuses(
      { checks: [{ id: 'c', result: own }] },
      { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', field },
    );
    await plan.refuses({ checks: [{ id: 'c', state: FINAL, result: own }] }, { code: 'INVALID_ARGUMENT', field });
  });
});

describe('semantics 2: outcome', () => {
  test('no result: SUCCEEDED', async () => {
    const plan = await working();
    expect(await plan.writeCheck({ id: 'c', state: FINAL })).toMatchObject({ outcome: Outcome.SUCCEEDED });
  });

  test('a result with a failure among good ones: FAILED', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: { ...result, ownerId: '8' } });
    await plan.writeCheck({ id: 'c', result: negative });
    expect(await plan.check('c')).toMatchObject({ outcome: Outcome.UNKNOWN });
    const check = await plan.writeCheck({ id: 'c', state: FINAL });
    expect(check).toMatchObject({ outcome: Outcome.FAILED });
    expect(check.results[1]?.failure).toMatchObject({ message: 'three tests fail' });
    expect(check.results[1]?.failure?.occurredAt, 'api: unset in a request = now').toBeDefined();
  });

  test('the result of a superseded attempt is shown and does not count', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: { ...by('s:1'), failure: { message: 'flaky' } } });
    await plan.attempt('s', { state: INCOMPLETE });
    const check = await plan.writeCheck({ id: 'c', state: FINAL });
    expect(check).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(check.results).toMatchObject([{ ownerId: 's:1', failure: { message: 'flaky' } }]);
  });

  test('neither of two attempts hides the other: the last one counts', async () => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: by('s:1') });
    await plan.attempt('s', { state: INCOMPLETE });
    await plan.writeCheck({ id: 'c', result: { ...by('s:2'), failure: { message: 'again' } } });
    const check = await plan.writeCheck({ id: 'c', state: FINAL });
    expect(check).toMatchObject({ outcome: Outcome.FAILED });
    expect(check.results).toHaveLength(2);
  });

  test.each([
    { end: 'COMPLETE', write: { state: COMPLETE } },
    { end: 'INCOMPLETE without another attempt', write: { state: INCOMPLETE, blockNewAttempts: true } },
  ])('the last attempt counts when it is over too ($end)', async ({ write }) => {
    const plan = await working();
    await plan.writeCheck({ id: 'c', result: { ...by('s:1'), failure: { message: 'no' } } });
    await plan.attempt('s', write);
    expect(await plan.writeCheck({ id: 'c', state: FINAL })).toMatchObject({ outcome: Outcome.FAILED });
  });

  test('a new check may come with its result', async () => {
    const plan = await server.plan();
    const check = await plan.writeCheck({ id: 'c', state: FINAL, result: negative });
    expect(check).toMatchObject({ version: 1n, outcome: Outcome.FAILED, results: [{ ownerId: '7' }] });
  });

  test('an unfinished check has no outcome', async () => {
    const plan = await server.plan();
    for (const state of [PLANNING, PLANNED, WAITING]) {
      expect(await plan.writeCheck({ id: `c${state}`, state })).toMatchObject({ outcome: Outcome.UNKNOWN });
    }
  });
});
