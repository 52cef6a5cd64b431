import { expect, it } from 'vitest';
import type { Attempt } from '../../src/domain/attempt.ts';
import { attempt, PLAN, plan, stage, T0 } from './fixtures.ts';
import type { Subject } from './subject.ts';

const key = (planId: string, stageId: string) => ({ planId, stageId, idx: 1 });

export function queueCases({ storage }: Subject): void {
  /** Stores one stage with one attempt for each, in plans `a`, `b` … as named. */
  const store = (...attempts: readonly (Partial<Attempt> & { stageId: string; runnerType?: string })[]) =>
    storage().write(async (uow) => {
      for (const { runnerType = 'builtin/noop', ...change } of attempts) {
        const { stageId, planId = PLAN } = change;
        if ((await uow.workPlans.get(planId)) === undefined) await uow.workPlans.insert(plan({ id: planId }));
        await uow.stages.insert(stage(stageId, { planId, runnerType }), undefined, []);
        await uow.attempts.insert({ attempt: attempt(stageId, change), runnerType });
      }
    });
  const update = (stageId: string, change: Partial<Attempt>) =>
    storage().write((uow) => uow.attempts.update(attempt(stageId, change)));
  const next = (planId: string, now: number) => storage().read((one) => one.builtinQueue.nextAvailable(planId, now));
  const plans = async (now: number) =>
    [...(await storage().read((one) => one.builtinQueue.plansWithAvailable(now)))].sort();

  it('gives a plan the builtin attempt that has been available longest', async () => {
    await store(
      { stageId: 'late', availableAt: T0 + 30 },
      { stageId: 'second', availableAt: T0 + 2 },
      { stageId: 'first', availableAt: T0 + 1 },
      { stageId: 'other plan', planId: 'b', availableAt: T0 },
      { stageId: 'remote', runnerType: 'docker', availableAt: T0 },
      { stageId: 'writer', runnerType: '', availableAt: T0 },
    );
    expect(await next(PLAN, T0)).toBeUndefined();
    expect(await next(PLAN, T0 + 1)).toEqual(key(PLAN, 'first'));
    expect(await next(PLAN, T0 + 99)).toEqual(key(PLAN, 'first'));
    await update('first', { state: 'RUNNING', processUid: 'u', availableAt: T0 + 1 });
    expect(await next(PLAN, T0 + 99)).toEqual(key(PLAN, 'second'));
    await update('second', { state: 'COMPLETE', endedAt: T0, availableAt: T0 + 2 });
    expect(await next(PLAN, T0 + 29)).toBeUndefined();
    expect(await next(PLAN, T0 + 30)).toEqual(key(PLAN, 'late'));
    expect(await next('none', T0 + 99)).toBeUndefined();
  });

  it('leaves out attempts that are reserved, and takes them back', async () => {
    await store({ stageId: 's' });
    await update('s', { processUid: 'u', executionId: 'u' });
    expect(await next(PLAN, T0)).toBeUndefined();
    expect(await plans(T0)).toEqual([]);
    await update('s', {});
    expect(await next(PLAN, T0)).toEqual(key(PLAN, 's'));
  });

  it('names every plan with available builtin attempts once', async () => {
    expect(await plans(T0)).toEqual([]);
    await store(
      ...Array.from({ length: 20 }, (_, index) => ({ stageId: `s${index}`, planId: 'a', availableAt: T0 + index })),
      { stageId: 's', planId: 'b', availableAt: T0 + 5 },
      { stageId: 's', planId: 'c', availableAt: T0 },
      { stageId: 's', planId: 'd', runnerType: 'docker' },
    );
    expect(await plans(T0 - 1)).toEqual([]);
    expect(await plans(T0)).toEqual(['a', 'c']);
    expect(await plans(T0 + 5)).toEqual(['a', 'b', 'c']);
  });

  it('knows when the next backoff ends', async () => {
    const at = (now: number) => storage().read((one) => one.builtinQueue.nextAvailableAt(now));
    expect(await at(T0)).toBeUndefined();
    await store(
      { stageId: 's1', planId: 'a', availableAt: T0 },
      { stageId: 's2', planId: 'a', availableAt: T0 + 7 },
      { stageId: 's1', planId: 'b', availableAt: T0 + 5 },
      { stageId: 's1', planId: 'c', availableAt: T0 + 1, runnerType: 'docker' },
    );
    expect(await at(T0 - 1)).toBe(T0);
    expect(await at(T0)).toBe(T0 + 5);
    expect(await at(T0 + 5)).toBe(T0 + 7);
    expect(await at(T0 + 7)).toBeUndefined();
  });

  it('names the builtin attempts that were started, up to a limit', async () => {
    const started = (limit: number) => storage().read((one) => one.builtinQueue.started(limit));
    await store(
      { stageId: 'running', state: 'RUNNING', processUid: 'u', executionId: 'u' },
      { stageId: 'scheduled', state: 'SCHEDULED', processUid: 'v', executionId: 'v' },
      { stageId: 'held by a writer', state: 'RUNNING', processUid: 'w' },
      { stageId: 'pending' },
      { stageId: 'ended', state: 'COMPLETE', endedAt: T0 },
      { stageId: 'remote', state: 'RUNNING', processUid: 'u', runnerType: 'docker' },
    );
    const found = await started(10);
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining([key(PLAN, 'running'), key(PLAN, 'scheduled')]));
    expect(await started(1)).toHaveLength(1);
  });

  it('names live attempts whose earliest deadline has come, earliest first', async () => {
    const due = (now: number, limit = 10) => storage().read((one) => one.timers.due(now, limit));
    const nextDue = () => storage().read((one) => one.timers.nextDueAt());
    expect(await nextDue()).toBeUndefined();
    const owned = { state: 'RUNNING', processUid: 'u', runnerType: 'docker' } as const;
    await store(
      { stageId: 'deadline', ...owned, deadline: T0 + 9, heartbeatBy: T0 + 30 },
      { stageId: 'heartbeat', ...owned, deadline: T0 + 99, heartbeatBy: T0 + 3 },
      { stageId: 'cancel', ...owned, cancelBy: T0 + 5 },
      { stageId: 'never', ...owned },
      { stageId: 'ended', state: 'COMPLETE', endedAt: T0, deadline: T0 },
    );
    expect(await nextDue()).toBe(T0 + 3);
    expect(await due(T0 + 2)).toEqual([]);
    expect(await due(T0 + 9)).toEqual(['heartbeat', 'cancel', 'deadline'].map((id) => key(PLAN, id)));
    expect(await due(T0 + 9, 2)).toEqual(['heartbeat', 'cancel'].map((id) => key(PLAN, id)));
    await update('heartbeat', { state: 'RUNNING', processUid: 'u', deadline: T0 + 99, heartbeatBy: T0 + 50 });
    await update('cancel', { state: 'INCOMPLETE', endedAt: T0, cancelBy: T0 + 5 });
    expect(await nextDue()).toBe(T0 + 9);
    expect(await due(T0 + 99)).toEqual(['deadline', 'heartbeat'].map((id) => key(PLAN, id)));
  });
}
