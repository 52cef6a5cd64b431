import { beforeEach, expect, it } from 'vitest';
import { evaluate } from '../../src/domain/dependency/evaluate.ts';
import type { GroupPurpose } from '../../src/domain/dependency/group.ts';
import type { NodeRef } from '../../src/domain/node.ts';
import { conditions, outcomes, satisfies } from '../../src/domain/outcome.ts';
import type { GroupOwner } from '../../src/storage/dependency-repository.ts';
import { flat, group, PLAN, plan, seed, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

const stageRef = (id: string): NodeRef => ({ type: 'STAGE', id });
const owner = (id: string, purpose: GroupPurpose = 'DEPENDENCIES'): GroupOwner => ({
  planId: PLAN,
  source: stageRef(id),
  purpose,
});

const nested = flat(
  group(['z', 'a'], {
    predicate: 'OR',
    groups: [
      group(['m'], { predicate: 'THRESHOLD', threshold: 1, groups: [group(['z', 'b'])] }),
      group([], {
        dependencies: [
          { targetType: 'CHECK', targetId: 'z', condition: 'FAILED' },
          { targetType: 'CHECK', targetId: 'z', condition: 'SUCCEEDED' },
        ],
      }),
    ],
  }),
);

export function dependencyCases({ storage }: Subject): void {
  const get = (one: GroupOwner) => storage().read((snapshot) => snapshot.dependencies.get(one));
  const put = (one: GroupOwner, tree: ReturnType<typeof flat>, tracked = true) =>
    storage().write((uow) => uow.dependencies.put(one, tree, tracked));
  const resolve = (target: NodeRef, outcome: (typeof outcomes)[number], planId = PLAN) =>
    storage().write((uow) => uow.dependencies.recordResolution(planId, target, outcome, T0));

  beforeEach(() => seed(storage()));

  it('gives a tree back: groups by index, edges in the order in which they were written', async () => {
    await put(owner('s'), nested);
    await put(owner('s', 'CONTINUATION'), flat(group(['k'])), false);
    expect(await get(owner('s'))).toEqual(nested);
    expect(await get(owner('s', 'CONTINUATION'))).toEqual(flat(group(['k'])));
    expect(await get(owner('t'))).toBeUndefined();
    expect(await get({ ...owner('s'), source: { type: 'CHECK', id: 's' } })).toBeUndefined();
  });

  it('stores an empty tree, which is not the same as none', async () => {
    await put(owner('s'), flat(group([])));
    expect(await get(owner('s'))).toEqual(flat(group([])));
  });

  it('puts a tree in place of an older one, and removes one, for one purpose alone', async () => {
    await put(owner('s', 'CONTINUATION'), flat(group(['k'])));
    await put(owner('s'), nested);
    const next = flat(group(['n', 'z'], { predicate: 'OR' }));
    await put(owner('s'), next);
    expect(await get(owner('s'))).toEqual(next);
    expect(await resolve(stageRef('m'), 'SUCCEEDED')).toEqual([]);
    await storage().write((uow) => uow.dependencies.remove(owner('s')));
    expect(await get(owner('s'))).toBeUndefined();
    expect(await resolve(stageRef('n'), 'SUCCEEDED')).toEqual([]);
    expect(await get(owner('s', 'CONTINUATION'))).toEqual(flat(group(['k'])));
  });

  it.each(outcomes)('resolves edges to a target that ended %s by their conditions', async (outcome) => {
    const dependencies = conditions.map((condition) => ({ targetType: 'STAGE', targetId: 'x', condition }) as const);
    await put(owner('s'), flat(group([], { dependencies })));
    const touched = await resolve(stageRef('x'), outcome);
    const expected = conditions.map((condition) => (satisfies(condition, outcome) ? 'SATISFIED' : 'UNSATISFIED'));
    expect(touched.map(({ resolution }) => resolution).sort()).toEqual([...expected].sort());
    expect((await get(owner('s')))?.edges.map(({ resolution }) => resolution)).toEqual(expected);
  });

  it('resolves the tracked edges of all sources, once, and no others', async () => {
    await put(owner('s'), flat(group(['x', 'y'])));
    await put(owner('t', 'CONTINUATION'), flat(group(['y'], { groups: [group(['x'])] })));
    await put(owner('u'), flat(group(['x'])), false);
    await put({ ...owner('v'), source: { type: 'CHECK', id: 'v' } }, flat(group(['x'])));
    const touched = await resolve(stageRef('x'), 'SUCCEEDED');
    expect(touched).toHaveLength(3);
    for (const [source, purpose, index] of [
      [stageRef('s'), 'DEPENDENCIES', 0],
      [stageRef('t'), 'CONTINUATION', 1],
      [{ type: 'CHECK', id: 'v' }, 'DEPENDENCIES', 0],
    ] as const) {
      expect(touched).toContainEqual({ source, purpose, group: index, resolution: 'SATISFIED' });
    }
    expect(await resolve(stageRef('x'), 'FAILED')).toEqual([]);
    expect(await resolve({ type: 'CHECK', id: 'x' }, 'FAILED')).toEqual([]);
    expect((await get(owner('u')))?.edges[0]?.resolution).toBeUndefined();
    expect((await get(owner('s')))?.edges.map(({ resolution }) => resolution)).toEqual(['SATISFIED', undefined]);
  });

  it('keeps plans apart', async () => {
    await storage().write((uow) => uow.workPlans.insert(plan({ id: 'other' })));
    await put(owner('s'), flat(group(['x'])));
    await put({ ...owner('s'), planId: 'other' }, flat(group(['x'])));
    expect(await resolve(stageRef('x'), 'SUCCEEDED', 'other')).toHaveLength(1);
    expect((await get(owner('s')))?.edges[0]?.resolution).toBeUndefined();
  });

  it('starts tracking a stored tree with what its targets have brought so far', async () => {
    await put(owner('s'), nested, false);
    expect(await resolve(stageRef('z'), 'SUCCEEDED')).toEqual([]);
    const { flat: tracked } = evaluate(nested, ({ targetType, targetId }) =>
      targetType === 'STAGE' && targetId === 'z' ? 'SATISFIED' : undefined,
    );
    await storage().write((uow) => uow.dependencies.startTracking(owner('s'), tracked));
    expect(await get(owner('s'))).toEqual(tracked);
    expect(await resolve(stageRef('z'), 'SUCCEEDED')).toEqual([]);
    const touched = await resolve({ type: 'CHECK', id: 'z' }, 'FAILED');
    expect(touched.map(({ resolution }) => resolution).sort()).toEqual(['SATISFIED', 'UNSATISFIED']);
  });

  it('puts a tracked tree that brings resolutions along', async () => {
    const { flat: tree } = evaluate(flat(group(['x', 'y'])), ({ targetId }) =>
      targetId === 'x' ? 'UNSATISFIED' : undefined,
    );
    await put(owner('s'), tree);
    expect(await get(owner('s'))).toEqual(tree);
    expect(await resolve(stageRef('x'), 'SUCCEEDED')).toEqual([]);
    expect(await resolve(stageRef('y'), 'SUCCEEDED')).toHaveLength(1);
  });

  it('reads and updates one group at a time', async () => {
    await put(owner('s'), nested);
    const at = (index: number) => storage().write((uow) => uow.dependencies.group(owner('s'), index));
    expect(await at(0)).toEqual({ parent: -1, tally: { need: 1, members: 4, satisfied: 0, unsatisfied: 0 } });
    const tally = { need: 1, members: 2, satisfied: 1, unsatisfied: 1 };
    await storage().write((uow) => uow.dependencies.updateTally(owner('s'), 1, tally));
    expect(await at(1)).toEqual({ parent: 0, tally });
    expect((await at(3))?.parent).toBe(1);
    expect(await at(4)).toBeUndefined();
    const impossible = storage().write((uow) => uow.dependencies.updateTally(owner('s'), 4, tally));
    await expect(impossible).rejects.toThrow();
  });
}
