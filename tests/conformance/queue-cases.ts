import { expect, it } from 'vitest';
import type { Attempt } from '../../src/domain/attempt.ts';
import { BUILTIN_QUEUE } from '../../src/domain/queue.ts';
import type { QueuedPlan } from '../../src/storage/attempt-repository.ts';
import { attempt, PLAN, type StoredAttempt, seedAttempts, T0, updateAttempt } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function queueCases({ storage }: Subject): void {
  const store = (...attempts: readonly StoredAttempt[]) => seedAttempts(storage(), ...attempts);
  const update = (stageId: string, change: Partial<Attempt>) =>
    storage().write((uow) => updateAttempt(uow, attempt(stageId, change)));
  /** Ids of the stages whose attempts are available. */
  const available = async (now: number, queue = BUILTIN_QUEUE, planId = PLAN, limit = 10) => {
    const keys = await storage().read((one) => one.queues.available(queue, planId, now, limit));
    expect(keys).toEqual(keys.map(({ stageId }) => ({ planId, stageId, idx: 1 })));
    return keys.map(({ stageId }) => stageId);
  };
  const named = (plans: readonly QueuedPlan[]) => plans.map(({ queue, planId }) => `${planId} in ${queue}`).sort();
  const plans = async (now: number) => named(await storage().read((one) => one.queues.plansWithAvailable(now)));
  const ended = async (since: number, now: number) =>
    named(await storage().read((one) => one.queues.backoffsEnded(since, now)));
  const nextEnd = (now: number) => storage().read((one) => one.queues.nextBackoffEnd(now));

  it("gives a plan's available attempts, the longest waiting first, up to a limit", async () => {
    await store(
      { stageId: 'late', availableAt: T0 + 30 },
      { stageId: 'second', availableAt: T0 + 2 },
      { stageId: 'first', availableAt: T0 + 1 },
      { stageId: 'other plan', planId: 'b', availableAt: T0 },
      { stageId: 'writer', runnerType: '', availableAt: T0 },
    );
    expect(await available(T0)).toEqual([]);
    expect(await available(T0 + 1)).toEqual(['first']);
    expect(await available(T0 + 99)).toEqual(['first', 'second', 'late']);
    expect(await available(T0 + 99, BUILTIN_QUEUE, PLAN, 2)).toEqual(['first', 'second']);
    await update('first', { state: 'RUNNING', processUid: 'u', availableAt: T0 + 1 });
    expect(await available(T0 + 29)).toEqual(['second']);
    await update('second', { state: 'COMPLETE', endedAt: T0, availableAt: T0 + 2 });
    expect(await available(T0 + 29)).toEqual([]);
    expect(await available(T0 + 99, BUILTIN_QUEUE, 'none')).toEqual([]);
  });

  it('keeps one queue for all builtin types, and one for each other type and mode', async () => {
    await store(
      { stageId: 'noop', runnerType: 'builtin/noop' },
      { stageId: 'process', runnerType: 'builtin/process', mode: 'ASYNC' },
      { stageId: 'docker', runnerType: 'docker' },
      { stageId: 'docker async', runnerType: 'docker', mode: 'ASYNC' },
      { stageId: 'vm', runnerType: 'vm' },
      { stageId: 'writer', runnerType: '' },
    );
    expect(await available(T0)).toEqual(['noop', 'process']);
    expect(await available(T0, 'SYNC:docker')).toEqual(['docker']);
    expect(await available(T0, 'ASYNC:docker')).toEqual(['docker async']);
    expect(await available(T0, 'SYNC:vm')).toEqual(['vm']);
    expect(await available(T0, 'ASYNC:vm')).toEqual([]);
    expect(await plans(T0)).toEqual(
      ['ASYNC:docker', 'SYNC:docker', 'SYNC:vm', 'builtin'].map((queue) => `${PLAN} in ${queue}`),
    );
  });

  it('leaves out attempts that are reserved, and takes them back', async () => {
    await store({ stageId: 's', runnerType: 'docker', availableAt: T0 + 1 });
    const reserved = {
      processUid: 'u',
      executionId: 'u',
      dispatch: 'RUN',
      runnerId: 'r',
      availableAt: T0 + 1,
    } as const;
    await update('s', reserved);
    expect(await available(T0 + 1, 'SYNC:docker')).toEqual([]);
    expect([await plans(T0 + 1), await ended(T0, T0 + 1), await nextEnd(T0)]).toEqual([[], [], undefined]);
    await update('s', { availableAt: T0 + 1 });
    expect(await available(T0 + 1, 'SYNC:docker')).toEqual(['s']);
    expect(await ended(T0, T0 + 1)).toEqual([`${PLAN} in SYNC:docker`]);
  });

  it('names every queue and plan with available attempts once', async () => {
    expect(await plans(T0)).toEqual([]);
    const many = Array.from({ length: 20 }, (_, index) => ({ stageId: `s${index}`, availableAt: T0 + index }));
    await store(
      ...many.map((one) => ({ ...one, planId: 'a' })),
      ...many.map((one) => ({ ...one, stageId: `${one.stageId} docker`, planId: 'a', runnerType: 'docker' })),
      { stageId: 's', planId: 'b', availableAt: T0 + 5 },
      { stageId: 's', planId: 'c' },
      { stageId: 's docker', planId: 'c', runnerType: 'docker', availableAt: T0 + 5 },
      { stageId: 's', planId: 'd', runnerType: '' },
    );
    expect(await plans(T0 - 1)).toEqual([]);
    expect(await plans(T0)).toEqual(['a in SYNC:docker', 'a in builtin', 'c in builtin']);
    expect(await plans(T0 + 5)).toEqual([
      ...['a in SYNC:docker', 'a in builtin', 'b in builtin', 'c in SYNC:docker', 'c in builtin'],
    ]);
  });

  it('knows whose backoffs have ended and when the next one does; a first attempt has none', async () => {
    expect([await ended(0, T0 + 99), await nextEnd(0)]).toEqual([[], undefined]);
    await store(
      { stageId: 'first', planId: 'a' },
      { stageId: 's5', planId: 'a', availableAt: T0 + 5 },
      { stageId: 's6', planId: 'a', availableAt: T0 + 6 },
      { stageId: 's7', planId: 'b', availableAt: T0 + 7, runnerType: 'docker' },
      { stageId: 'ended', planId: 'c', availableAt: T0 + 1, state: 'COMPLETE', endedAt: T0 + 2 },
      { stageId: 'writer', planId: 'd', availableAt: T0 + 1, runnerType: '' },
    );
    expect(await ended(0, T0 + 4)).toEqual([]);
    expect(await ended(0, T0 + 6)).toEqual(['a in builtin']);
    expect(await ended(T0 + 5, T0 + 7)).toEqual(['a in builtin', 'b in SYNC:docker']);
    expect(await ended(T0 + 6, T0 + 7)).toEqual(['b in SYNC:docker']);
    expect(await ended(T0 + 7, T0 + 99)).toEqual([]);
    expect(await nextEnd(0)).toBe(T0 + 5);
    expect(await nextEnd(T0 + 5)).toBe(T0 + 6);
    expect(await nextEnd(T0 + 6)).toBe(T0 + 7);
    expect(await nextEnd(T0 + 7)).toBeUndefined();
  });
}
