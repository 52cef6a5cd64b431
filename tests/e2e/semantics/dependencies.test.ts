import { describe, expect, test } from 'vitest';
import {
  CheckState,
  ConcludedReason,
  DependencyCondition,
  Outcome,
  Resolution,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, any, atLeast, type Edge, type Group, onCheck, onStage } from './harness/groups.ts';
import { type CheckWriteInit, rejected, type TestPlan } from './harness/plan.ts';
import { resolve, type Verdict } from './harness/resolve.ts';
import { seeded } from './harness/seeded.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, WAITING, FINAL } = CheckState;
const { SUCCEEDED, FAILED } = DependencyCondition;
/** Orders and outcomes tried for each group. */
const ROUNDS = 3;

describe('semantics 5: a group resolves as its pure evaluation says, after each target, in any order', () => {
  const [a, b, c] = [onCheck('a'), onCheck('b'), onCheck('c')];
  const groups: readonly { name: string; group: Group }[] = [
    { name: 'no members', group: all() },
    { name: 'OR without members', group: any() },
    { name: 'AND', group: all(a, b, c) },
    { name: 'unset predicate = AND', group: { dependencies: [a, b] } },
    { name: 'unset target_type = CHECK, unset condition = FINAL', group: { dependencies: [{ targetId: 'a' }] } },
    { name: 'OR', group: any(a, b) },
    { name: 'AND of SUCCEEDED', group: all(onCheck('a', SUCCEEDED), onCheck('b', SUCCEEDED)) },
    { name: 'OR of SUCCEEDED', group: any(onCheck('a', SUCCEEDED), onCheck('b', SUCCEEDED)) },
    { name: 'OR of FAILED', group: any(onCheck('a', FAILED), onCheck('b', FAILED)) },
    {
      name: 'THRESHOLD 2 of 4',
      group: atLeast(
        2,
        onCheck('a', SUCCEEDED),
        onCheck('b', SUCCEEDED),
        onCheck('c', SUCCEEDED),
        onCheck('d', SUCCEEDED),
      ),
    },
    { name: 'THRESHOLD n = AND', group: atLeast(3, onCheck('a', SUCCEEDED), b, onCheck('c', FAILED)) },
    { name: 'stages as targets', group: all(onStage('s'), onStage('t', SUCCEEDED)) },
    { name: 'a stage FAILED', group: all(onStage('s', FAILED), a) },
    {
      name: 'checks and stages',
      group: atLeast(2, onStage('s', SUCCEEDED), onStage('t', FAILED), onCheck('a', FAILED)),
    },
    {
      name: 'nested',
      group: all(
        any(onCheck('a', SUCCEEDED), onCheck('b', SUCCEEDED)),
        atLeast(2, c, onCheck('d', SUCCEEDED), onStage('s', SUCCEEDED)),
      ),
    },
    {
      name: 'nested three deep',
      group: any(
        all(onCheck('a', SUCCEEDED), any(onCheck('b', FAILED), all(c, onStage('t', SUCCEEDED)))),
        onCheck('d', FAILED),
      ),
    },
    { name: 'one target under both conditions', group: any(onCheck('a', SUCCEEDED), onCheck('a', FAILED)) },
    { name: 'one target under both conditions, AND', group: all(onCheck('a', SUCCEEDED), onCheck('a', FAILED)) },
    { name: 'an edge in two groups counts in each', group: atLeast(2, all(a), all(a), all(b)) },
    { name: 'equal edges merge', group: all(a, a, { targetId: 'a' }, b) },
  ];
  const targets = ['check/a', 'check/b', 'check/c', 'check/d', 'stage/s', 'stage/t'];

  test.each(groups)('$name', async ({ name, group }) => {
    for (let round = 0; round < ROUNDS; round++) {
      const random = seeded(`${name} ${round}`);
      const plan = await server.plan();
      await plan.write({
        checks: [...'abcd'].map((id) => ({ id })),
        stages: [{ id: 's' }, { id: 't' }],
      });
      await plan.write({
        checks: [{ id: 'check-dependent', state: PLANNED, dependencies: group }],
        stages: [{ id: 'stage-dependent', dependencies: group }],
      });
      const outcomes = new Map<string, 'SUCCEEDED' | 'FAILED'>();
      await expectResolved(plan, resolve(group, outcomes), `seed "${name} ${round}"`);
      for (const target of random.shuffle(targets)) {
        const outcome = random.next() < 0.5 ? 'SUCCEEDED' : 'FAILED';
        await end(plan, target, outcome);
        outcomes.set(target, outcome);
        const so = `seed "${name} ${round}", ${[...outcomes].map((pair) => pair.join(' ')).join(', ')}`;
        await expectResolved(plan, resolve(group, outcomes), so);
      }
    }
  });

  async function end(plan: TestPlan, target: string, outcome: 'SUCCEEDED' | 'FAILED'): Promise<void> {
    const [type, id = ''] = target.split('/');
    const failure = outcome === 'FAILED' ? { failure: { message: 'no' } } : {};
    if (type === 'stage') await plan.writeStage({ id, state: StageState.FINAL, ...failure });
    else await plan.writeCheck(outcome === 'FAILED' ? rejected(id) : { id, state: FINAL });
  }

  async function expectResolved(plan: TestPlan, verdict: Verdict, so: string): Promise<void> {
    const [check, stage] = [await plan.check('check-dependent'), await plan.stage('stage-dependent')];
    const states = {
      OPEN: [PLANNED, StageState.PLANNED],
      SATISFIED: [WAITING, StageState.ATTEMPTING],
      UNSATISFIABLE: [FINAL, StageState.FINAL],
    } as const;
    expect([check.state, stage.state], so).toEqual(states[verdict]);
    const skipped = verdict === 'UNSATISFIABLE';
    expect(check.outcome, so).toBe(skipped ? Outcome.SKIPPED : Outcome.UNKNOWN);
    expect(stage.concludedReason, so).toBe(
      skipped ? ConcludedReason.DEPENDENCIES_UNSATISFIED : ConcludedReason.UNKNOWN,
    );
  }
});

describe('semantics 5: edges', () => {
  const edgesOf = ({
    dependencies,
  }: {
    dependencies?: { dependencies: { targetId: string; resolution: number }[] } | undefined;
  }) =>
    Object.fromEntries(
      (dependencies?.dependencies ?? []).map(({ targetId, resolution }) => [targetId, Resolution[resolution]]),
    );

  test('show what has become of them, for good', async () => {
    const plan = await server.plan();
    const dependencies = any(onCheck('a', FAILED), onCheck('b', SUCCEEDED), onCheck('c'));
    await plan.write({ checks: [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'w', state: PLANNED, dependencies }] });
    expect(edgesOf(await plan.check('w'))).toEqual({ a: 'UNKNOWN', b: 'UNKNOWN', c: 'UNKNOWN' });
    await plan.pass('a');
    expect(edgesOf(await plan.check('w'))).toEqual({ a: 'UNSATISFIED', b: 'UNKNOWN', c: 'UNKNOWN' });
    await plan.pass('b');
    expect(edgesOf(await plan.check('w'))).toMatchObject({ a: 'UNSATISFIED', b: 'SATISFIED' });
    expect(await plan.check('w')).toMatchObject({ state: WAITING });
  });

  test('tracking starts for a check when it enters PLANNED: what was FINAL before counts at once', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }, { id: 'w', dependencies: all(onCheck('a', SUCCEEDED)) }] });
    await plan.pass('a');
    expect(edgesOf(await plan.check('w'))).toEqual({ a: 'UNKNOWN' });
    const check = await plan.writeCheck({ id: 'w', state: PLANNED });
    expect(check.state).toBe(WAITING);
    expect(edgesOf(check)).toEqual({ a: 'SATISFIED' });
  });

  test('targets that were FINAL before can make it unsatisfiable at once', async () => {
    const plan = await server.plan();
    await plan.reject('a');
    await plan.write({
      checks: [{ id: 'w', state: PLANNED, dependencies: all(onCheck('a', SUCCEEDED)) }],
      stages: [{ id: 's', dependencies: all(onCheck('a', SUCCEEDED)) }],
    });
    expect(await plan.check('w')).toMatchObject({ state: FINAL, outcome: Outcome.SKIPPED, version: 1n });
    expect(await plan.stage('s')).toMatchObject({ state: StageState.FINAL, outcome: Outcome.SKIPPED, version: 1n });
  });

  test('a check and a stage may share an id', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'x' }, { id: 'w', state: PLANNED, dependencies: all(onStage('x')) }],
      stages: [{ id: 'x' }],
    });
    await plan.pass('x');
    expect(await plan.check('w')).toMatchObject({ state: PLANNED });
    await plan.complete('x');
    expect(await plan.check('w')).toMatchObject({ state: WAITING });
  });

  test('order inside a write is free', async () => {
    const plan = await server.plan();
    const { checks, stages } = await plan.write({
      checks: [
        { id: '3', state: PLANNED, dependencies: all(onCheck('2')) },
        { id: '2', state: PLANNED, dependencies: all(onCheck('1'), onStage('s')) },
        { id: '1', state: FINAL },
      ],
      stages: [{ id: 's', dependencies: all(onCheck('1')), assignments: [{ targetCheckId: '3' }] }],
    });
    expect(checks.map(({ id, state }) => [id, state])).toEqual([
      ['3', PLANNED],
      ['2', PLANNED],
      ['1', FINAL],
    ]);
    expect(stages).toMatchObject([{ state: StageState.ATTEMPTING }]);
  });
});

describe('semantics 5: what a group may not be', () => {
  const a = onCheck('a');
  const path = 'dependencies';
  const bad: readonly { name: string; group: Group; field: string }[] = [
    { name: 'THRESHOLD unset', group: atLeast(0, a, onCheck('b')), field: `${path}.threshold` },
    { name: 'THRESHOLD negative', group: atLeast(-1, a), field: `${path}.threshold` },
    { name: 'THRESHOLD above n', group: atLeast(3, a, onCheck('b')), field: `${path}.threshold` },
    {
      name: 'THRESHOLD above n after equal edges are merged',
      group: atLeast(2, a, { targetId: 'a' }),
      field: `${path}.threshold`,
    },
    { name: 'a nested THRESHOLD', group: all(a, any(atLeast(2, a))), field: `${path}.groups[0].groups[0].threshold` },
    { name: 'an empty nested group', group: all(a, all()), field: `${path}.groups[0]` },
    {
      name: 'an empty group nested deeper',
      group: any(a, all(a), all(a, any())),
      field: `${path}.groups[1].groups[0]`,
    },
  ];
  test.each(bad)('$name', async ({ group, field }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }, { id: 'b' }] });
    const expected = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' } as const;
    await plan.refuses({ checks: [{ id: 'w', dependencies: group }] }, { ...expected, field: `checks[0].${field}` });
    await plan.refuses(
      { stages: [{ id: 'x' }, { id: 's', dependencies: group }] },
      { ...expected, field: `stages[1].${field}` },
    );
    const continuationGroup = { stages: [{ id: 's', continuationGroup: group }] };
    await plan.refuses(continuationGroup, {
      ...expected,
      field: `stages[0].${field.replace(path, 'continuation_group')}`,
    });
  });

  test('a threshold is fine at 1 and at n', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }, { id: 'b' }, { id: 'w', dependencies: atLeast(2, a, onCheck('b')) }] });
    await plan.write({ checks: [{ id: 'v', dependencies: atLeast(1, a, a) }] });
  });
});

describe('semantics 5: unknown targets', () => {
  const unknown: readonly { name: string; write: Parameters<TestPlan['write']>[0]; field: string }[] = [
    {
      name: 'a check',
      write: { checks: [{ id: 'x' }, { id: 'w', dependencies: all(onCheck('known'), onCheck('ghost')) }] },
      field: 'checks[1].dependencies.dependencies[1].target_id',
    },
    {
      name: 'nested',
      write: {
        stages: [{ id: 's', dependencies: any(onCheck('known'), all(onCheck('known'), all(onStage('ghost')))) }],
      },
      field: 'stages[0].dependencies.groups[0].groups[0].dependencies[0].target_id',
    },
    {
      name: 'a check where a stage is meant',
      write: { checks: [{ id: 'w', dependencies: all(onStage('known')) }] },
      field: 'checks[0].dependencies.dependencies[0].target_id',
    },
    {
      name: 'of an assignment',
      write: { stages: [{ id: 's', assignments: [{ targetCheckId: 'known' }, { targetCheckId: 'ghost' }] }] },
      field: 'stages[0].assignments[1].target_check_id',
    },
    {
      name: 'of a continuation group',
      write: { stages: [{ id: 's', continuationGroup: all(onStage('ghost')) }] },
      field: 'stages[0].continuation_group.dependencies[0].target_id',
    },
  ];
  test.each(unknown)('$name', async ({ write, field }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'known' }] });
    await plan.refuses(write, { code: 'INVALID_ARGUMENT', reason: 'UNKNOWN_TARGET', field });
  });

  test('a node of another plan is unknown', async () => {
    const [plan, other] = [await server.plan(), await server.plan()];
    await other.write({ checks: [{ id: 'elsewhere' }] });
    const write = { checks: [{ id: 'w', dependencies: all(onCheck('elsewhere')) }] };
    await plan.refuses(write, { code: 'INVALID_ARGUMENT', reason: 'UNKNOWN_TARGET' });
  });
});

describe('semantics 5: propagation', () => {
  test('SKIPPED goes on: SUCCEEDED and FAILED are unsatisfied by it, FINAL satisfied', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [
        { id: 'a' },
        { id: 'b', state: PLANNED, dependencies: all(onCheck('a', FAILED)) },
        { id: 'c', state: PLANNED, dependencies: all(onCheck('b', SUCCEEDED)) },
        { id: 'd', state: PLANNED, dependencies: all(onCheck('b', FAILED)) },
        { id: 'e', state: PLANNED, dependencies: all(onCheck('c'), onCheck('d')) },
      ],
      stages: [
        { id: 's', dependencies: all(onCheck('d', SUCCEEDED)) },
        { id: 't', dependencies: all(onStage('s', SUCCEEDED)) },
        { id: 'u', dependencies: all(onStage('t')) },
      ],
    });
    const { revision } = await plan.write({ checks: [{ id: 'a', state: FINAL }] });
    const { checks, stages } = await plan.query();
    const { SKIPPED, UNKNOWN } = Outcome;
    expect(checks.slice(1).map(({ id, state, outcome }) => [id, state, outcome])).toEqual([
      ['b', FINAL, SKIPPED],
      ['c', FINAL, SKIPPED],
      ['d', FINAL, SKIPPED],
      ['e', WAITING, UNKNOWN],
    ]);
    expect(stages.map(({ id, state, outcome }) => [id, state, outcome])).toEqual([
      ['s', StageState.FINAL, SKIPPED],
      ['t', StageState.FINAL, SKIPPED],
      ['u', StageState.ATTEMPTING, UNKNOWN],
    ]);
    expect(
      [...checks, ...stages].every((node) => node.revision === revision),
      'all in one revision',
    ).toBe(true);
  });

  test('a CANCELLED stage satisfies FINAL only', async () => {
    const plan = await server.plan();
    const conditions: readonly { id: string; edge: Edge }[] = [
      { id: 'final', edge: onStage('s') },
      { id: 'succeeded', edge: onStage('s', SUCCEEDED) },
      { id: 'failed', edge: onStage('s', FAILED) },
    ];
    const checks: CheckWriteInit[] = conditions.map(({ id, edge }) => ({
      id,
      state: PLANNED,
      dependencies: all(edge),
    }));
    await plan.write({ checks, stages: [{ id: 's' }] });
    await plan.cancelStage('s');
    expect((await plan.query()).checks.map(({ state }) => state)).toEqual([WAITING, FINAL, FINAL]);
  });

  test('a node that a writer made FINAL before is not moved by its edges', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }, { id: 'w', state: PLANNED, dependencies: all(onCheck('a', FAILED)) }] });
    await plan.pass('w');
    await plan.pass('a');
    expect(await plan.check('w')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED, version: 2n });
  });
});
