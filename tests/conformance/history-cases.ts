import { beforeEach, expect, it } from 'vitest';
import type { RememberedRequest } from '../../src/storage/request-repository.ts';
import { checkEvent, PLAN, plan, planEvent, seed, stageEvent, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function historyCases({ storage }: Subject): void {
  const list = (revision: number, seq: number, limit = 100, planId = PLAN) =>
    storage().read((snapshot) => snapshot.events.list(planId, { revision, seq }, limit));

  beforeEach(() => seed(storage()));

  it('gives events of every kind back as they were appended', async () => {
    const events = [planEvent(1, 1), checkEvent(2, 1, 'c'), stageEvent(2, 2, 's'), stageEvent(3, 1, 's')];
    const sizes = await storage().write((uow) => uow.events.append(PLAN, events));
    expect(sizes).toEqual(events.map(({ change }) => JSON.stringify(change).length));
    expect(await list(0, 0)).toEqual(events);
    const ended = planEvent(4, 1, { oldState: 'ACTIVE', newState: 'CANCELLED', actor: 'server', reason: 'because' });
    await storage().write((uow) => uow.events.append(PLAN, [ended]));
    expect(await list(3, 1)).toEqual([ended]);
  });

  it('lists what comes after a position, in order, in pages', async () => {
    const events = [1, 2, 3, 10, 11].flatMap((revision) => [1, 2, 12].map((seq) => planEvent(revision, seq)));
    await storage().write(async (uow) => {
      await uow.workPlans.insert(plan({ id: 'other' }));
      await uow.events.append('other', [planEvent(1, 1)]);
      await uow.events.append(PLAN, events);
    });
    expect(await list(0, 0)).toEqual(events);
    expect(await list(2, 2)).toEqual(events.slice(5));
    expect(await list(2, 99)).toEqual(events.slice(6));
    expect(await list(11, 12)).toEqual([]);
    expect(await list(0, 0, 4)).toEqual(events.slice(0, 4));
    expect(await list(0, 0, 9, 'other')).toEqual([planEvent(1, 1)]);
  });

  it('never edits an event', async () => {
    await storage().write((uow) => uow.events.append(PLAN, [planEvent(1, 1)]));
    const again = storage().write((uow) => uow.events.append(PLAN, [planEvent(1, 1, { reason: 'forged' })]));
    await expect(again).rejects.toThrow();
    expect(await list(0, 0)).toEqual([planEvent(1, 1)]);
  });

  it('remembers requests by method, scope and id; a later one replaces', async () => {
    const request: RememberedRequest = {
      method: 'WriteNodes',
      scope: PLAN,
      requestId: 'r',
      digest: 'd1',
      planId: PLAN,
      revision: 2,
      createdAt: T0,
    };
    await storage().write(async ({ requests }) => {
      await requests.remember(request);
      expect(await requests.find('WriteNodes', PLAN, 'r')).toEqual(request);
      expect(await requests.find('CreateWorkPlan', PLAN, 'r')).toBeUndefined();
      expect(await requests.find('WriteNodes', '', 'r')).toBeUndefined();
      expect(await requests.find('WriteNodes', PLAN, 'other')).toBeUndefined();
      const later = { ...request, digest: 'd2', planId: 'other', revision: 9, createdAt: T0 + 1 };
      await requests.remember(later);
      expect(await requests.find('WriteNodes', PLAN, 'r')).toEqual(later);
    });
  });

  it('forgets the oldest requests first, in small batches', async () => {
    const request = (index: number): RememberedRequest => ({
      method: 'CreateWorkPlan',
      scope: '',
      requestId: `r${index}`,
      digest: '',
      planId: PLAN,
      revision: 1,
      createdAt: T0 + index,
    });
    await storage().write(async ({ requests }) => {
      for (const index of [4, 0, 3, 1, 2]) await requests.remember(request(index));
      expect(await requests.forget(T0 + 4, 3)).toBe(3);
      expect(await requests.find('CreateWorkPlan', '', 'r2')).toBeUndefined();
      expect(await requests.find('CreateWorkPlan', '', 'r3')).toBeDefined();
      expect(await requests.forget(T0 + 4, 3)).toBe(1);
      expect(await requests.forget(T0 + 4, 3)).toBe(0);
      expect(await requests.find('CreateWorkPlan', '', 'r4')).toEqual(request(4));
    });
  });
}
