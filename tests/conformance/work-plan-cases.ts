import { expect, it } from 'vitest';
import type { WorkPlanCursor, WorkPlanFilter } from '../../src/storage/work-plan-repository.ts';
import { plan, T0, updatePlan } from './fixtures.ts';
import type { Subject } from './subject.ts';

const ANY: WorkPlanFilter = { states: [], metadata: {} };

const counts = {
  checks: { PLANNING: 1, PLANNED: 2, WAITING: 3, FINAL: 4 },
  stages: { PLANNED: 5, ATTEMPTING: 6, AWAITING_GROUP: 7, FINAL: 8 },
  failed: 9,
  cancelled: 2,
};

export function workPlanCases({ storage }: Subject): void {
  const get = (id: string) => storage().read((snapshot) => snapshot.workPlans.get(id));
  const insert = (...plans: readonly ReturnType<typeof plan>[]) =>
    storage().write(async (uow) => {
      for (const one of plans) await uow.workPlans.insert(one);
    });
  const ids = async (filter: WorkPlanFilter, after?: WorkPlanCursor, limit = 100) => {
    const found = await storage().read((snapshot) => snapshot.workPlans.list(filter, after, limit));
    return found.map(({ id }) => id);
  };

  it('gives a plan back as it was inserted', async () => {
    const stored = plan({
      counts,
      version: 12,
      metadata: { branch: 'main', empty: '', __proto__x: '1', 'ключ ✓': 'значение "quoted" \u0000 ✓' },
      updatedAt: T0 + 5,
    });
    await insert(stored);
    expect(await get(stored.id)).toEqual(stored);
    expect(await get('another')).toBeUndefined();
  });

  it('stores state, outcome, version, counts and times, and keeps the metadata', async () => {
    const metadata = { branch: 'main' };
    await insert(plan({ metadata }));
    for (const change of [
      { state: 'COMPLETE', outcome: 'FAILED' },
      { state: 'COMPLETE', outcome: 'CANCELLED' },
      { state: 'ACTIVE', outcome: undefined },
      { state: 'CANCELLED', outcome: 'CANCELLED', cancelledAt: T0 + 8, cancelReason: 'too slow' },
    ] as const) {
      const changed = plan({ ...change, counts, version: 2, updatedAt: T0 + 9, metadata });
      await storage().write((uow) => updatePlan(uow, changed));
      expect(await get(changed.id)).toEqual(changed);
    }
  });

  it('fails to insert a plan twice and to update one that is missing', async () => {
    await insert(plan({ id: 'a' }));
    await expect(insert(plan({ id: 'a', version: 2 }))).rejects.toThrow();
    await expect(storage().write((uow) => updatePlan(uow, plan({ id: 'b' })))).rejects.toThrow();
    expect((await get('a'))?.version).toBe(1);
  });

  it('lists newest first, by time and then id, and pages without gap or repetition', async () => {
    const created = [T0 + 3, T0 + 1, T0 + 2, T0 + 2, T0 + 2, T0 + 9];
    await insert(...created.map((createdAt, index) => plan({ id: `p${index}`, createdAt })));
    const all = ['p5', 'p0', 'p4', 'p3', 'p2', 'p1'];
    expect(await ids(ANY)).toEqual(all);
    const paged: string[] = [];
    for (let after: WorkPlanCursor | undefined; ; ) {
      const page = await storage().read((snapshot) => snapshot.workPlans.list(ANY, after, 2));
      paged.push(...page.map(({ id }) => id));
      after = page.at(-1);
      if (after === undefined) break;
    }
    expect(paged).toEqual(all);
  });

  it('orders ids by their bytes', async () => {
    await insert(...['a', 'B', 'é', '𝒳', '～'].map((id) => plan({ id })));
    expect(await ids(ANY)).toEqual(['𝒳', '～', 'é', 'a', 'B']);
    expect(await ids(ANY, { createdAt: T0, id: '～' })).toEqual(['é', 'a', 'B']);
  });

  it('filters by states', async () => {
    await insert(
      plan({ id: 'a' }),
      plan({ id: 'b', state: 'COMPLETE', outcome: 'SUCCEEDED' }),
      plan({ id: 'c', state: 'CANCELLED', outcome: 'CANCELLED', cancelledAt: T0 }),
    );
    expect(await ids({ ...ANY, states: ['COMPLETE'] })).toEqual(['b']);
    expect(await ids({ ...ANY, states: ['ACTIVE', 'CANCELLED', 'ACTIVE'] })).toEqual(['c', 'a']);
    expect(await ids({ ...ANY, states: ['ACTIVE', 'CANCELLED'] }, undefined, 1)).toEqual(['c']);
  });

  it('filters by metadata: all pairs must match, together with states and pages', async () => {
    await insert(
      plan({ id: 'a', metadata: { branch: 'main', user: 'x' } }),
      plan({ id: 'b', metadata: { branch: 'main', user: 'y' }, createdAt: T0 + 1 }),
      plan({ id: 'c', metadata: { branch: 'dev', user: 'x' } }),
      plan({ id: 'd', metadata: { branch: 'main' }, state: 'COMPLETE', outcome: 'FAILED', createdAt: T0 + 2 }),
      plan({ id: 'e' }),
    );
    const main = { branch: 'main' };
    expect(await ids({ states: [], metadata: main })).toEqual(['d', 'b', 'a']);
    expect(await ids({ states: ['ACTIVE'], metadata: main })).toEqual(['b', 'a']);
    expect(await ids({ states: [], metadata: { user: 'x', branch: 'main' } })).toEqual(['a']);
    expect(await ids({ states: [], metadata: { user: 'z' } })).toEqual([]);
    expect(await ids({ states: [], metadata: main }, { createdAt: T0 + 2, id: 'd' }, 1)).toEqual(['b']);
    expect(await ids({ states: [], metadata: main }, { createdAt: T0 + 1, id: 'b' })).toEqual(['a']);
  });
}
