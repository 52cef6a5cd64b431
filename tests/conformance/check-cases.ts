import { expect, it } from 'vitest';
import { noGoals, withAssigned, withEnded } from '../../src/domain/assignment.ts';
import type { Check } from '../../src/domain/check.ts';
import { check, PLAN, plan, seed, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function checkCases({ storage }: Subject): void {
  const get = (id: string) => storage().read((snapshot) => snapshot.checks.get(PLAN, id));
  const options = (id: string) => storage().read((snapshot) => snapshot.checks.options(PLAN, id));

  it('gives a check back as it was inserted', async () => {
    const goals = withEnded(withAssigned(withAssigned(noGoals, 'FINAL'), 'PLANNED'), 'FINAL', 'build', 'FAILED');
    const stored = check('c:1/x', { kind: 'lint', goals, resultCount: 3, version: 2, revision: 5, updatedAt: T0 + 1 });
    const json = { deep: [{ a: null, b: 1.5, c: 'ü "\\ \u2028' }], empty: {} };
    await seed(storage());
    await storage().write((uow) => uow.checks.insert(stored, json));
    expect(await get(stored.id)).toEqual(stored);
    expect(await options(stored.id)).toEqual(json);
    expect(await get('another')).toBeUndefined();
    expect(await options('another')).toBeUndefined();
  });

  it('updates everything but the options, through all states and outcomes', async () => {
    await seed(storage());
    await storage().write((uow) => uow.checks.insert(check('c'), { keep: true }));
    const changes: Partial<Check>[] = [
      { state: 'PLANNED', kind: 'test', version: 2, revision: 3 },
      { state: 'WAITING', goals: noGoals, resultCount: 1, updatedAt: T0 + 4 },
      ...(['SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED'] as const).map((outcome) => ({
        state: 'FINAL' as const,
        outcome,
      })),
    ];
    for (const change of changes) {
      await storage().write((uow) => uow.checks.update(check('c', change)));
      expect(await get('c')).toEqual(check('c', change));
    }
    expect(await options('c')).toEqual({ keep: true });
  });

  it('sets options alone', async () => {
    await seed(storage(), { checks: [check('c')] });
    expect(await options('c')).toBeUndefined();
    await storage().write((uow) => uow.checks.setOptions(PLAN, 'c', { a: 1 }));
    expect(await options('c')).toEqual({ a: 1 });
    expect(await get('c')).toEqual(check('c'));
  });

  it('keeps plans apart', async () => {
    await seed(storage(), { checks: [check('c', { kind: 'here' })] });
    await storage().write(async (uow) => {
      await uow.workPlans.insert(plan({ id: 'other' }));
      await uow.checks.insert(check('c', { planId: 'other', kind: 'there' }), undefined);
      await uow.checks.update(check('c', { planId: 'other', kind: 'changed' }));
    });
    expect((await get('c'))?.kind).toBe('here');
  });

  it('names the checks that are not FINAL, by creation', async () => {
    const final = { state: 'FINAL', outcome: 'SUCCEEDED' } as const;
    await seed(storage(), { checks: ['z', 'a', 'm', 'b'].map((id) => check(id, id === 'm' ? final : {})) });
    await storage().write((uow) => uow.checks.update(check('z', { version: 2 })));
    expect(await storage().write((uow) => uow.checks.openIds(PLAN))).toEqual(['z', 'a', 'b']);
    expect(await storage().write((uow) => uow.checks.openIds('none'))).toEqual([]);
  });

  it('fails to insert a check twice, in a plan that is missing, or to update one that is missing', async () => {
    await seed(storage(), { checks: [check('c')] });
    await expect(storage().write((uow) => uow.checks.insert(check('c'), undefined))).rejects.toThrow();
    await expect(
      storage().write((uow) => uow.checks.insert(check('d', { planId: 'no' }), undefined)),
    ).rejects.toThrow();
    await expect(storage().write((uow) => uow.checks.update(check('d')))).rejects.toThrow();
    await expect(storage().write((uow) => uow.checks.setOptions(PLAN, 'd', {}))).rejects.toThrow();
  });
}
