import { expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import { PLAN, plan, seed, updatePlan } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function readCases({ storage }: Subject): void {
  const version = () => storage().read(async (snapshot) => (await snapshot.workPlans.get(PLAN))?.version);

  it('sees every unit that was acknowledged before', async () => {
    await seed(storage());
    for (let next = 2; next <= 20; next++) {
      await storage().write((uow) => updatePlan(uow, plan({ version: next })));
      expect(await version()).toBe(next);
    }
  });

  it('never sees a unit that is not committed', async () => {
    await seed(storage());
    const seen: Promise<number | undefined>[] = [];
    const failing = storage().write(async (uow) => {
      await updatePlan(uow, plan({ version: 7 }));
      seen.push(version());
      for (let step = 0; step < 50; step++) await uow.workPlans.get(PLAN);
      throw new Error('undone');
    });
    await expect(failing).rejects.toThrow('undone');
    expect(await Promise.all(seen)).toEqual([1]);
  });

  it('sees a batch of units that are being written not at all or whole', async () => {
    await seed(storage());
    const reads: Promise<readonly [number | undefined, number | undefined]>[] = [];
    const both = () =>
      storage().read(async (snapshot) => {
        const first = (await snapshot.workPlans.get(PLAN))?.version;
        for (let step = 0; step < 20; step++) await snapshot.workPlans.get('another');
        return [first, (await snapshot.workPlans.get(PLAN))?.version] as const;
      });
    const writes = Array.from({ length: 50 }, (_, index) =>
      storage().write(async (uow) => {
        await updatePlan(uow, plan({ version: 100 + index }));
        reads.push(both());
        await updatePlan(uow, plan({ version: 2 + index }));
      }),
    );
    await Promise.all(writes);
    for (const [first, second] of await Promise.all(reads)) {
      expect(second).toBe(first);
      expect(first).toBeLessThan(100);
    }
  });

  it('gives interleaved reads their own answers', async () => {
    await seed(storage());
    const slow = (steps: number) =>
      storage().read(async (snapshot) => {
        for (let step = 0; step < steps; step++) await snapshot.workPlans.get(PLAN);
        return steps;
      });
    expect(await Promise.all([slow(30), slow(1), slow(10), slow(0)])).toEqual([30, 1, 10, 0]);
  });

  it('gives the error of a read unchanged, and reads on', async () => {
    await seed(storage());
    const error = new AppError('WORK_PLAN_NOT_FOUND', 'no such plan');
    const failing = storage().read(async (snapshot) => {
      await snapshot.workPlans.get(PLAN);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await version()).toBe(1);
    await storage().write((uow) => updatePlan(uow, plan({ version: 2 })));
    expect(await version()).toBe(2);
  });
}
