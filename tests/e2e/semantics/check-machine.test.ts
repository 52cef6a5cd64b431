import { describe, expect, test } from 'vitest';
import { CheckState, DependencyCondition, Outcome } from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import { rejected, type TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNING, PLANNED, WAITING, FINAL } = CheckState;
const states = { PLANNING, PLANNED, WAITING, FINAL };
type Name = keyof typeof states;

const illegal: Expected = { code: 'FAILED_PRECONDITION', reason: 'ILLEGAL_TRANSITION' };
const open: Expected = { code: 'FAILED_PRECONDITION', reason: ['DEPENDENCIES_OPEN', 'ILLEGAL_TRANSITION'] };
const final: Expected = { code: 'FAILED_PRECONDITION', reason: ['NODE_FINAL', 'ILLEGAL_TRANSITION'] };
const immutable: Expected = { code: 'FAILED_PRECONDITION', reason: ['IMMUTABLE_FIELD', 'NODE_FINAL'] };

/** Brings check `c` to where a cell of the table starts. `gate` is a check that is not FINAL. */
const arrange: Readonly<Record<'new' | Name, (plan: TestPlan) => Promise<unknown>>> = {
  new: (plan) => plan.write({ checks: [{ id: 'gate' }] }),
  PLANNING: (plan) => plan.write({ checks: [{ id: 'c' }, { id: 'gate' }] }),
  PLANNED: (plan) =>
    plan.write({ checks: [{ id: 'c', state: PLANNED, dependencies: all(onCheck('gate')) }, { id: 'gate' }] }),
  WAITING: (plan) => plan.write({ checks: [{ id: 'c', state: PLANNED }, { id: 'gate' }] }),
  FINAL: (plan) => plan.write({ checks: [{ id: 'c', state: FINAL }, { id: 'gate' }] }),
};

async function planWith(from: 'new' | Name): Promise<TestPlan> {
  const plan = await server.plan();
  await arrange[from](plan);
  if (from !== 'new') expect((await plan.check('c')).state).toBe(states[from]);
  return plan;
}

describe('semantics 2: the table of check states, by a writer', () => {
  type Cell = { from: 'new' | Name; to: Name; verdict: 'moves' | 'no-op' | Expected };
  const cells: readonly Cell[] = [
    { from: 'new', to: 'PLANNING', verdict: 'moves' },
    { from: 'new', to: 'FINAL', verdict: 'moves' },
    { from: 'PLANNING', to: 'PLANNING', verdict: 'no-op' },
    { from: 'PLANNING', to: 'WAITING', verdict: illegal },
    { from: 'PLANNING', to: 'FINAL', verdict: 'moves' },
    { from: 'PLANNED', to: 'PLANNING', verdict: illegal },
    { from: 'PLANNED', to: 'PLANNED', verdict: 'no-op' },
    { from: 'PLANNED', to: 'WAITING', verdict: open },
    { from: 'PLANNED', to: 'FINAL', verdict: 'moves' },
    { from: 'WAITING', to: 'PLANNING', verdict: illegal },
    { from: 'WAITING', to: 'PLANNED', verdict: illegal },
    { from: 'WAITING', to: 'WAITING', verdict: 'no-op' },
    { from: 'WAITING', to: 'FINAL', verdict: 'moves' },
    { from: 'FINAL', to: 'PLANNING', verdict: final },
    { from: 'FINAL', to: 'PLANNED', verdict: final },
    { from: 'FINAL', to: 'WAITING', verdict: final },
    { from: 'FINAL', to: 'FINAL', verdict: 'no-op' },
  ];

  test.each(cells)('$from → $to', async ({ from, to, verdict }) => {
    const plan = await planWith(from);
    const write = { checks: [{ id: 'c', state: states[to] }] };
    if (verdict === 'no-op') {
      const { checks } = await plan.ignores(write);
      expect(checks[0]?.state).toBe(states[to]);
    } else if (verdict === 'moves') {
      const { checks } = await plan.write(write);
      expect(checks[0]?.state).toBe(states[to]);
      expect(await plan.check('c')).toEqual(checks[0]);
    } else {
      await plan.refuses(write, verdict);
    }
  });

  const entersPlanned: readonly { from: 'new' | 'PLANNING'; gated: boolean; ends: Name }[] = [
    { from: 'new', gated: true, ends: 'PLANNED' },
    { from: 'new', gated: false, ends: 'WAITING' },
    { from: 'PLANNING', gated: true, ends: 'PLANNED' },
    { from: 'PLANNING', gated: false, ends: 'WAITING' },
  ];
  test.each(entersPlanned)('$from → PLANNED ends $ends (dependencies open: $gated)', async ({ from, gated, ends }) => {
    const plan = await planWith(from);
    const dependencies = all(...(gated ? [onCheck('gate')] : []));
    expect(await plan.writeCheck({ id: 'c', state: PLANNED, dependencies })).toMatchObject({ state: states[ends] });
  });

  test('a new check without a state is PLANNING', async () => {
    const plan = await server.plan();
    expect(await plan.writeCheck({ id: 'c' })).toMatchObject({
      state: PLANNING,
      outcome: Outcome.UNKNOWN,
      version: 1n,
    });
  });

  test('new → WAITING without dependencies', async () => {
    const plan = await server.plan();
    expect(await plan.writeCheck({ id: 'c', state: WAITING })).toMatchObject({ state: WAITING, version: 1n });
  });

  test('new → WAITING is refused while its dependencies are open', async () => {
    const plan = await planWith('new');
    await plan.refuses({ checks: [{ id: 'c', state: WAITING, dependencies: all(onCheck('gate')) }] }, open);
  });

  test('new → WAITING is refused when its dependencies can never be satisfied', async () => {
    const plan = await planWith('new');
    await plan.reject('gate');
    const dependencies = all(onCheck('gate', DependencyCondition.SUCCEEDED));
    await plan.refuses({ checks: [{ id: 'c', state: WAITING, dependencies }] }, { code: 'FAILED_PRECONDITION' });
  });

  const gate = { id: 'gate', state: FINAL };
  const waiting = { id: 'c', state: WAITING, dependencies: all(onCheck('gate')) };
  test.each([
    { first: 'the gate', checks: [gate, waiting] },
    { first: 'the check', checks: [waiting, gate] },
  ])('new → WAITING with dependencies that the same write satisfies ($first first)', async ({ checks }) => {
    const plan = await planWith('new');
    await plan.write({ checks });
    expect(await plan.check('c')).toMatchObject({ state: WAITING, version: 1n });
  });

  test.each([
    { first: 'the gate', checks: [gate, { id: 'c', state: WAITING }] },
    { first: 'the check', checks: [{ id: 'c', state: WAITING }, gate] },
  ])('PLANNED → WAITING in the write that satisfies the dependencies ($first first)', async ({ checks }) => {
    const plan = await planWith('PLANNED');
    await plan.write({ checks });
    expect(await plan.check('c')).toMatchObject({ state: WAITING, version: 2n });
  });

  test('the server moves PLANNED → WAITING when satisfied', async () => {
    const plan = await planWith('PLANNED');
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: WAITING, outcome: Outcome.UNKNOWN });
  });

  test('the server moves PLANNED → FINAL / SKIPPED when unsatisfiable', async () => {
    const plan = await server.plan();
    const dependencies = all(onCheck('gate', DependencyCondition.SUCCEEDED));
    await plan.write({ checks: [{ id: 'c', state: PLANNED, dependencies }, { id: 'gate' }] });
    await plan.reject('gate');
    expect(await plan.check('c')).toMatchObject({ state: FINAL, outcome: Outcome.SKIPPED });
  });

  test('PLANNING does not move by itself, whatever becomes of its dependencies', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'c', dependencies: all(onCheck('gate')) }, { id: 'gate' }] });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: PLANNING, version: 1n });
  });
});

describe('semantics 2: kind is fixed once set', () => {
  test('it may be set later', async () => {
    const plan = await planWith('PLANNING');
    expect(await plan.writeCheck({ id: 'c', kind: 'build' })).toMatchObject({ kind: 'build', version: 2n });
  });

  test.each(['PLANNING', 'PLANNED', 'WAITING', 'FINAL'] as const)('in %s', async (state) => {
    const plan = await server.plan();
    const dependencies = all(...(state === 'PLANNED' ? [onCheck('gate')] : []));
    const asked = state === 'WAITING' ? PLANNED : states[state];
    await plan.write({ checks: [{ id: 'gate' }, { id: 'c', kind: 'build', state: asked, dependencies }] });
    expect(await plan.check('c')).toMatchObject({ state: states[state], kind: 'build' });
    await plan.ignores({ checks: [{ id: 'c', kind: 'build' }] });
    await plan.refuses({ checks: [{ id: 'c', kind: 'test' }] }, immutable);
  });
});

describe('semantics 2: options merge by RFC 7396, in PLANNING only', () => {
  const before = { a: 1, deep: { x: 1, y: [1, 2], z: { k: true } }, gone: 'soon' };
  const patch = { a: null, deep: { x: 'new', y: [3], z: { k: null, l: 0 } }, gone: { now: 'an object' }, more: [null] };
  const after = { deep: { x: 'new', y: [3], z: { l: 0 } }, gone: { now: 'an object' }, more: [null] };

  test('a patch replaces, merges and removes', async () => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', options: before });
    expect(await plan.writeCheck({ id: 'c', options: patch })).toMatchObject({ version: 2n });
    expect((await plan.check('c')).options).toEqual(after);
  });

  test('at creation it is applied to nothing: nulls leave no trace', async () => {
    const plan = await server.plan();
    const { options } = await plan.writeCheck({ id: 'c', options: { a: null, b: { c: null, d: 1 } } });
    expect(options).toEqual({ b: { d: 1 } });
  });

  test('an unset field changes nothing', async () => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', options: before });
    await plan.ignores({ checks: [{ id: 'c' }] });
    expect((await plan.check('c')).options).toEqual(before);
  });

  test.each(['PLANNED', 'FINAL'] as const)('the write that moves on to %s may carry them', async (to) => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', options: { a: 1 } });
    const { options } = await plan.writeCheck({ id: 'c', state: states[to], options: { a: null, b: 2 } });
    expect(options).toEqual({ b: 2 });
  });

  test('a patch that leaves everything equal is a no-op in PLANNING', async () => {
    const plan = await server.plan();
    await plan.writeCheck({ id: 'c', options: before });
    await plan.ignores({ checks: [{ id: 'c', options: { deep: { x: 1 }, absent: null } }] });
  });

  test.each(['PLANNED', 'WAITING', 'FINAL'] as const)('in %s: equal is a no-op, different refused', async (state) => {
    const plan = await server.plan();
    const dependencies = all(...(state === 'PLANNED' ? [onCheck('gate')] : []));
    const asked = state === 'WAITING' ? PLANNED : states[state];
    await plan.write({ checks: [{ id: 'gate' }, { id: 'c', state: asked, options: before, dependencies }] });
    await plan.ignores({ checks: [{ id: 'c', options: { a: 1, absent: null } }] });
    await plan.refuses({ checks: [{ id: 'c', options: { a: 2 } }] }, immutable);
    await plan.refuses({ checks: [{ id: 'c', options: { a: null } }] }, immutable);
  });

  test.each(['PLANNED', 'WAITING'] as const)(
    'a move %s → FINAL may not carry others: it left PLANNING before',
    async (from) => {
      const plan = await planWith(from);
      await plan.refuses({ checks: [{ id: 'c', state: FINAL, options: { a: 2 } }] }, immutable);
    },
  );
});

describe('semantics 2: dependencies are replaced whole, in PLANNING only', () => {
  const targets = [{ id: 'gate' }, { id: 'other' }];

  test('replaced, repeated, cleared', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [...targets, { id: 'c', dependencies: all(onCheck('gate')) }] });
    await plan.ignores({ checks: [{ id: 'c', dependencies: all(onCheck('gate')) }] });
    const replaced = await plan.writeCheck({ id: 'c', dependencies: all(onCheck('other')) });
    expect(replaced.dependencies?.dependencies.map(({ targetId }) => targetId)).toEqual(['other']);
    const cleared = await plan.writeCheck({ id: 'c', dependencies: {} });
    expect(cleared.dependencies?.dependencies ?? []).toEqual([]);
    expect(await plan.writeCheck({ id: 'c', state: PLANNED })).toMatchObject({ state: WAITING });
  });

  test('the old edges of a replaced group have no effect', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [...targets, { id: 'c', dependencies: all(onCheck('gate')) }] });
    await plan.writeCheck({ id: 'c', state: PLANNED, dependencies: all(onCheck('other')) });
    await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: PLANNED });
    await plan.pass('other');
    expect(await plan.check('c')).toMatchObject({ state: WAITING });
  });

  test('the write that moves on may carry them', async () => {
    const plan = await planWith('PLANNING');
    const check = await plan.writeCheck({ id: 'c', state: PLANNED, dependencies: all(onCheck('gate')) });
    expect(check).toMatchObject({ state: PLANNED });
  });

  test.each(['PLANNED', 'WAITING', 'FINAL'] as const)('in %s: equal is a no-op, different refused', async (state) => {
    const plan = await server.plan();
    const dependencies = all(onCheck('gate'));
    await plan.write({ checks: [...targets, { id: 'c', state: state === 'FINAL' ? FINAL : PLANNED, dependencies }] });
    if (state === 'WAITING') await plan.pass('gate');
    expect(await plan.check('c')).toMatchObject({ state: states[state] });
    await plan.ignores({ checks: [{ id: 'c', dependencies }] });
    await plan.refuses({ checks: [{ id: 'c', dependencies: all(onCheck('other')) }] }, immutable);
    await plan.refuses({ checks: [{ id: 'c', dependencies: {} }] }, immutable);
  });
});

describe('semantics 2: FINAL is for ever', () => {
  test('a repeated FINAL with an equal result is a no-op, with another it is refused', async () => {
    const plan = await server.plan();
    const result = { ownerType: 'ci', ownerId: '7', data: { n: 1, list: ['a'] } };
    await plan.writeCheck({ id: 'c', state: FINAL, result });
    await plan.ignores({ checks: [{ id: 'c', state: FINAL, result }] });
    await plan.ignores({ checks: [{ id: 'c', result: { ...result, finalize: true } }] });
    const refusal: Expected = {
      code: 'FAILED_PRECONDITION',
      reason: ['NODE_FINAL', 'RESULT_FINALIZED', 'RESULT_NOT_ACCEPTED'],
    };
    await plan.refuses({ checks: [{ id: 'c', state: FINAL, result: { ...result, data: { n: 2 } } }] }, refusal);
    await plan.refuses({ checks: [{ id: 'c', result: { ...result, failure: { message: 'no' } } }] }, refusal);
    await plan.refuses({ checks: [{ id: 'c', result: { ...result, ownerId: '8' } }] }, refusal);
  });

  test('the outcome stays', async () => {
    const plan = await server.plan();
    await plan.reject('c');
    await plan.ignores({ checks: [rejected('c')] });
    expect(await plan.check('c')).toMatchObject({ outcome: Outcome.FAILED, version: 1n });
  });
});

describe('words: a write is all or nothing', () => {
  test.each(['first', 'last'] as const)('one bad check among good nodes, %s', async (place) => {
    const plan = await planWith('FINAL');
    const bad = { id: 'c', state: PLANNING };
    const good = [{ id: 'fresh' }, { id: 'gate', state: PLANNED, options: { a: 1 } }];
    const checks = place === 'first' ? [bad, ...good] : [...good, bad];
    await plan.refuses({ checks, stages: [{ id: 's', dependencies: all(onCheck('fresh')) }] }, final);
  });
});
