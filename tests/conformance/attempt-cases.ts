import { beforeEach, expect, it } from 'vitest';
import { type Attempt, dispatchKinds } from '../../src/domain/attempt.ts';
import { attempt, PLAN, progress, seed, stage, T0, updateAttempt } from './fixtures.ts';
import type { Subject } from './subject.ts';

const KEY = { planId: PLAN, stageId: 's', idx: 1 };

const ENDED = { state: 'INCOMPLETE', endedAt: T0 + 9 } as const;

export function attemptCases({ storage }: Subject): void {
  const get = (idx = 1) => storage().read((snapshot) => snapshot.attempts.get({ ...KEY, idx }));
  const insert = (one: Attempt) =>
    storage().write((uow) => uow.attempts.insert({ attempt: one, runnerType: 'docker', mode: 'ASYNC' }));

  beforeEach(() => seed(storage(), { stages: [stage('s'), stage('t')] }));

  it('gives an attempt back as it was inserted', async () => {
    const stored = attempt('s', {
      state: 'RUNNING',
      processUid: 'uid',
      executionId: 'uid',
      dispatch: 'ACQUIRE',
      runnerId: 'r1',
      failure: { message: 'm', occurredAt: T0, reason: 'TIMEOUT' },
      startedAt: T0 + 1,
      availableAt: T0 + 2,
      deadline: T0 + 3,
      heartbeatBy: T0 + 4,
      cancelBy: T0 + 5,
      confirmBy: T0 + 6,
      progressPercent: 100,
      progressCount: 6,
      blockNewAttempts: true,
    });
    await insert(stored);
    expect(await get()).toEqual(stored);
    expect(await get(2)).toBeUndefined();
  });

  it('updates everything but details, through all states', async () => {
    await insert(attempt('s'));
    await storage().write((uow) => uow.attempts.setDetails(KEY, { node: 'n1' }));
    for (const change of [
      ...dispatchKinds.map((dispatch) => ({
        ...{ state: 'SCHEDULED' as const, processUid: 'u', executionId: 'u', dispatch },
        runnerId: dispatch === 'BUILTIN' ? undefined : 'r',
      })),
      { state: 'RUNNING', processUid: 'u', executionId: 'u', dispatch: 'ACQUIRE', runnerId: 'r', confirmBy: T0 + 1 },
      { state: 'RUNNING', processUid: 'u', startedAt: T0 + 1, deadline: T0 + 2, heartbeatBy: T0 + 3 },
      { state: 'PENDING', availableAt: T0 + 4, updatedAt: T0 + 4 },
      { state: 'RUNNING', processUid: 'u', cancelBy: T0 + 3, progressPercent: 1, progressCount: 2 },
      { state: 'COMPLETE', endedAt: T0 + 5, deadline: T0 + 6 },
      { ...ENDED, processUid: 'u', executionId: 'u', dispatch: 'RUN_ASYNC', runnerId: 'r', answerDigest: 'd' },
      { ...ENDED, failure: { message: '', occurredAt: T0, reason: '' }, blockNewAttempts: true },
    ] satisfies Partial<Attempt>[]) {
      await storage().write((uow) => updateAttempt(uow, attempt('s', change)));
      expect(await get()).toEqual(attempt('s', change));
    }
    expect(await storage().read((snapshot) => snapshot.attempts.details(KEY))).toEqual({ node: 'n1' });
  });

  it('updates each field of a hand-out also when it alone changes', async () => {
    const held = { state: 'RUNNING', processUid: 'u', executionId: 'u', dispatch: 'RUN', runnerId: 'r' } as const;
    const lone: readonly (readonly [from: Partial<Attempt>, change: Partial<Attempt>])[] = [
      [{ state: 'RUNNING' as const, processUid: 'u' }, { processUid: 'v' }],
      [held, { runnerId: 'r2' }],
      [held, { dispatch: 'RUN_ASYNC' }],
      [held, { availableAt: T0 + 1 }],
      [{ ...held, dispatch: 'ACQUIRE' }, { confirmBy: T0 + 1 }],
      [{ ...held, dispatch: 'ACQUIRE', confirmBy: T0 + 1 }, { confirmBy: undefined }],
      [
        { state: 'RUNNING' as const, processUid: 'u' },
        { executionId: 'u', dispatch: 'BUILTIN' },
      ],
    ];
    await insert(attempt('s'));
    for (const [from, change] of lone) {
      await storage().write((uow) => updateAttempt(uow, attempt('s', from)));
      await storage().write((uow) => updateAttempt(uow, attempt('s', { ...from, ...change })));
      expect(await get()).toEqual(attempt('s', { ...from, ...change }));
    }
  });

  it('sets details; there are none before', async () => {
    await insert(attempt('s'));
    const details = () => storage().read((snapshot) => snapshot.attempts.details(KEY));
    expect(await details()).toBeUndefined();
    await storage().write((uow) => uow.attempts.setDetails(KEY, { a: [1] }));
    await storage().write((uow) => uow.attempts.setDetails(KEY, { b: null }));
    expect(await details()).toEqual({ b: null });
  });

  it('holds one live attempt a stage', async () => {
    await insert(attempt('s'));
    await expect(insert(attempt('s', { idx: 2 }))).rejects.toThrow();
    await storage().write(async (uow) => {
      await updateAttempt(uow, attempt('s', ENDED));
      await uow.attempts.insert({ attempt: attempt('s', { idx: 2 }), runnerType: '', mode: 'SYNC' });
    });
    await insert(attempt('t'));
    expect((await get(1))?.state).toBe('INCOMPLETE');
    expect((await get(2))?.state).toBe('PENDING');
  });

  it('finds an attempt by its execution, live or ended; no two are executed under one id', async () => {
    const find = (executionId: string) => storage().read((snapshot) => snapshot.attempts.findExecution(executionId));
    const executed = { processUid: 'e', executionId: 'e', dispatch: 'BUILTIN' } as const;
    await insert(attempt('t'));
    await insert(attempt('s', executed));
    expect(await find('e')).toEqual(attempt('s', executed));
    expect(await find('none')).toBeUndefined();
    await expect(storage().write((uow) => updateAttempt(uow, attempt('t', executed)))).rejects.toThrow();
    await storage().write((uow) => updateAttempt(uow, attempt('s', { ...executed, ...ENDED })));
    expect(await find('e')).toEqual(attempt('s', { ...executed, ...ENDED }));
  });

  it('refuses what no attempt can be', async () => {
    const executed = { processUid: 'e', executionId: 'e' };
    for (const impossible of [
      executed,
      { dispatch: 'BUILTIN' },
      { ...executed, dispatch: 'BUILTIN', runnerId: 'r' },
      { runnerId: 'r' },
      { ...executed, state: 'RUNNING', dispatch: 'RUN', runnerId: 'r', confirmBy: T0 },
      { ...executed, state: 'SCHEDULED', dispatch: 'ACQUIRE', runnerId: 'r', confirmBy: T0 },
      { state: 'RUNNING', processUid: 'u', confirmBy: T0 },
      { ...executed, state: 'RUNNING', dispatch: 'RUN', runnerId: 'r', answerDigest: 'd' },
    ] satisfies Partial<Attempt>[]) {
      await expect(insert(attempt('s', impossible)), JSON.stringify(impossible)).rejects.toThrow();
    }
    await insert(attempt('s', { ...executed, dispatch: 'BUILTIN' }));
  });

  it('finds progress by its idempotency key, within one attempt', async () => {
    await insert(attempt('s'));
    await insert(attempt('t'));
    const entry = progress('half', { percent: 50, details: { at: 'x' }, idempotencyKey: 'k', timestamp: T0 + 2 });
    await storage().write(async (uow) => {
      await uow.attempts.appendProgress(KEY, 0, progress('first'));
      await uow.attempts.appendProgress(KEY, 1, entry);
      await uow.attempts.appendProgress(KEY, 2, progress('third'));
      expect(await uow.attempts.findProgress(KEY, 'k')).toEqual(entry);
      expect(await uow.attempts.findProgress(KEY, 'other')).toBeUndefined();
      expect(await uow.attempts.findProgress({ ...KEY, stageId: 't' }, 'k')).toBeUndefined();
    });
    const again = storage().write((uow) => uow.attempts.appendProgress(KEY, 3, entry));
    await expect(again).rejects.toThrow();
  });

  it('fails for a stage or an attempt that is missing', async () => {
    await expect(insert(attempt('none'))).rejects.toThrow();
    await expect(storage().write((uow) => updateAttempt(uow, attempt('s')))).rejects.toThrow();
    await expect(storage().write((uow) => uow.attempts.setDetails(KEY, {}))).rejects.toThrow();
    await expect(storage().write((uow) => uow.attempts.appendProgress(KEY, 0, progress('m')))).rejects.toThrow();
  });
}
