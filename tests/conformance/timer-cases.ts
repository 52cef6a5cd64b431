import { expect, it } from 'vitest';
import type { Stage } from '../../src/domain/stage.ts';
import { attempt, PLAN, seed, seedAttempts, stage, T0, updateAttempt } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function timerCases({ storage }: Subject): void {
  const due = (now: number, limit = 10) => storage().read((one) => one.timers.due(now, limit));
  const nextDue = () => storage().read((one) => one.timers.nextDueAt());
  const attempts = (...stageIds: readonly string[]) => stageIds.map((stageId) => ({ planId: PLAN, stageId, idx: 1 }));
  const stages = (...stageIds: readonly string[]) => stageIds.map((stageId) => ({ planId: PLAN, stageId }));
  /** A stage that times out so many milliseconds after T0. */
  const timed = (id: string, stageTimeoutMs: number, change: Partial<Stage> = {}) =>
    stage(id, { policy: { ...stage(id).policy, stageTimeoutMs }, ...change });

  it('names live attempts whose earliest deadline has come, earliest first', async () => {
    expect(await nextDue()).toBeUndefined();
    const owned = { state: 'RUNNING', processUid: 'u', runnerType: 'docker' } as const;
    const acquired = { ...owned, executionId: 'u', dispatch: 'ACQUIRE', runnerId: 'r' } as const;
    await seedAttempts(
      storage(),
      { stageId: 'deadline', ...owned, deadline: T0 + 9, heartbeatBy: T0 + 30 },
      { stageId: 'heartbeat', ...owned, deadline: T0 + 99, heartbeatBy: T0 + 3 },
      { stageId: 'cancel', ...owned, cancelBy: T0 + 5 },
      { stageId: 'confirm', ...acquired, deadline: T0 + 99, confirmBy: T0 + 7 },
      { stageId: 'never', ...owned },
      { stageId: 'ended', state: 'COMPLETE', endedAt: T0, deadline: T0 },
    );
    expect(await nextDue()).toBe(T0 + 3);
    expect(await due(T0 + 2)).toEqual({ attempts: [], stages: [] });
    expect((await due(T0 + 9)).attempts).toEqual(attempts('heartbeat', 'cancel', 'confirm', 'deadline'));
    expect((await due(T0 + 9, 2)).attempts).toEqual(attempts('heartbeat', 'cancel'));
    const beating = { state: 'RUNNING', processUid: 'u', deadline: T0 + 99, heartbeatBy: T0 + 50 } as const;
    await storage().write(async (uow) => {
      await updateAttempt(uow, attempt('heartbeat', beating));
      await updateAttempt(uow, attempt('cancel', { state: 'INCOMPLETE', endedAt: T0, cancelBy: T0 + 5 }));
      await updateAttempt(uow, attempt('confirm', beating));
    });
    expect(await nextDue()).toBe(T0 + 9);
    expect((await due(T0 + 98)).attempts).toEqual(attempts('deadline', 'confirm', 'heartbeat'));
  });

  it('names stages whose timeout has passed, earliest first, until it was acted on or they are FINAL', async () => {
    await seed(storage(), {
      stages: [
        timed('late', 20),
        timed('early', 10),
        timed('created later', 5, { createdAt: T0 + 10 }),
        timed('never', 0),
        timed('acted on', 1, { timedOut: true }),
        timed('final', 1, { state: 'FINAL', outcome: 'SUCCEEDED', concludedReason: 'ATTEMPT_COMPLETE' }),
      ],
    });
    expect(await nextDue()).toBe(T0 + 10);
    expect(await due(T0 + 9)).toEqual({ attempts: [], stages: [] });
    expect((await due(T0 + 99)).stages).toEqual(stages('early', 'created later', 'late'));
    expect((await due(T0 + 99, 1)).stages).toEqual(stages('early'));
    await storage().write(async (uow) => {
      await uow.stages.update(timed('early', 10, { timedOut: true }));
      await uow.stages.update(
        timed('late', 20, { state: 'FINAL', outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT' }),
      );
    });
    expect(await due(T0 + 99)).toEqual({ attempts: [], stages: stages('created later') });
    expect(await nextDue()).toBe(T0 + 15);
  });

  it('knows the earliest of attempts and stages, and limits each by itself', async () => {
    const ids = ['a', 'b', 'c'];
    await seed(storage(), { stages: [...ids.map((id, index) => timed(id, 10 + index)), timed('first', 1)] });
    await storage().write(async (uow) => {
      for (const [index, id] of ids.entries()) {
        const running = attempt(id, { state: 'RUNNING', processUid: 'u', deadline: T0 + 5 + index });
        await uow.attempts.insert({ attempt: running, runnerType: '', mode: 'SYNC' });
      }
    });
    expect(await nextDue()).toBe(T0 + 1);
    expect(await due(T0 + 6)).toEqual({ attempts: attempts('a', 'b'), stages: stages('first') });
    await storage().write((uow) => uow.stages.update(timed('first', 1, { timedOut: true })));
    expect(await nextDue()).toBe(T0 + 5);
    expect(await due(T0 + 99, 2)).toEqual({ attempts: attempts('a', 'b'), stages: stages('a', 'b') });
  });
}
