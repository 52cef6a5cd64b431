import { describe, expect, it } from 'vitest';
import type { AppError } from '../../src/domain/error.ts';
import type { RunnerTask } from '../../src/service/execution/runner-calls.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { policy, type RunnerRig, remote, runnerRig } from '../support/runner-rig.ts';
import { anyCall } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';

const puller = { address: '' };

async function withStages(rig: RunnerRig, count: number, change = {}): Promise<string> {
  const planId = await rig.createPlan();
  await rig.write(planId, { stages: Array.from({ length: count }, (_, at) => remote(`s${at}`, change)) });
  return planId;
}

const idsOf = (tasks: readonly RunnerTask[]) => tasks.map(({ executionId }) => executionId);

describe('a runner that asks for work', () => {
  it('gets what is there, RUNNING for it, stages of both modes', async () => {
    const rig = await runnerRig();
    await rig.register('p', puller);
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [remote('a'), remote('b', { executionMode: 'ASYNC' })] });
    const tasks = await rig.acquire('p');
    expect(tasks.map(({ stageId }) => stageId).sort()).toEqual(['a', 'b']);
    const { attempts } = await rig.stage(planId, 'a');
    expect(attempts[0]).toMatchObject({ state: 'RUNNING', runnerId: 'p', dispatch: 'ACQUIRE' });
    expect(await rig.load('p')).toBe(2);
    for (const id of idsOf(tasks)) await rig.complete(id);
    expect((await rig.stage(planId, 'b')).outcome).toBe('SUCCEEDED');
    expect(await rig.load('p')).toBe(0);
  });

  it('waits until there is something, or its time is up', async () => {
    const rig = await runnerRig();
    await rig.register('p', puller);
    expect(await rig.acquire('p')).toEqual([]);
    const waiting = rig.acquire('p', { waitMs: 60_000 });
    await withStages(rig, 1);
    expect(await waiting).toHaveLength(1);
    const late = rig.acquire('p', { waitMs: 60_000, heldExecutionIds: idsOf(await waiting) });
    let isOver = false;
    void late.then(() => {
      isOver = true;
    });
    // The wait has begun when the clock has its timer.
    await waitFor('its end', () => {
      rig.time.advance(20_000);
      return isOver;
    });
    expect(await late).toEqual([]);
  });

  it('has to be registered for what it asks', async () => {
    const rig = await runnerRig();
    await expect(rig.acquire('nobody')).rejects.toMatchObject({ reason: 'REGISTRATION_NOT_FOUND' });
    await rig.register('p', puller);
    await expect(rig.acquire('p', { runnerTypes: ['deploy'] })).rejects.toMatchObject({
      reason: 'REGISTRATION_NOT_FOUND',
    } satisfies Partial<AppError>);
  });

  it('is told when its registration ends while it waits', async () => {
    const rig = await runnerRig();
    const registrationId = await rig.register('p', puller);
    const waiting = rig.acquire('p', { waitMs: 60_000 });
    waiting.catch(() => {});
    await rig.service.orchestrator.unregisterRunner(anyCall, { registrationId });
    await expect(waiting).rejects.toMatchObject({ reason: 'REGISTRATION_NOT_FOUND' });
  });

  it('has no registration to end once that has expired, also before it is swept up', async () => {
    const rig = await runnerRig({ idle: true });
    const registrationId = await rig.register('p', { ...puller, ttlMs: 1000 });
    rig.time.advance(1000);
    const unregistered = rig.service.orchestrator.unregisterRunner(anyCall, { registrationId });
    await expect(unregistered).rejects.toMatchObject({ reason: 'REGISTRATION_NOT_FOUND' });
  });

  it('gets no more than it asks for, nor than it takes', async () => {
    const rig = await runnerRig();
    await rig.register('p', { ...puller, maxConcurrent: 5 });
    await withStages(rig, 20);
    const first = await rig.acquire('p', { maxExecutions: 3 });
    expect(first).toHaveLength(3);
    const second = await rig.acquire('p', { maxExecutions: 10, heldExecutionIds: idsOf(first) });
    expect(second).toHaveLength(2);
    const held = idsOf([...first, ...second]);
    expect(await rig.acquire('p', { heldExecutionIds: held })).toEqual([]);
    await rig.complete(held[0] ?? '');
    expect(await rig.acquire('p', { heldExecutionIds: held })).toHaveLength(1);
  });

  it('gets again what it does not know that it has', async () => {
    const rig = await runnerRig();
    await rig.register('p', puller);
    await withStages(rig, 2);
    const lost = await rig.acquire('p');
    expect(await rig.acquire('p')).toEqual(lost);
    const [first, second] = idsOf(lost);
    expect(idsOf(await rig.acquire('p', { heldExecutionIds: [first ?? ''] }))).toEqual([second]);
    await rig.update(second ?? '');
    expect(await rig.acquire('p')).toEqual([]);
  });

  it('loses it after 30 s without a word, at no cost', async () => {
    const rig = await runnerRig();
    await rig.register('p', puller);
    await rig.register('q', puller);
    const planId = await withStages(rig, 1);
    const [task] = await rig.acquire('p');
    rig.time.advance(29_999);
    await rig.settle();
    expect(await rig.acquire('q')).toEqual([]);
    rig.time.advance(1);
    const [again] = await waitFor('the attempt to be free', async () => {
      const tasks = await rig.acquire('q');
      return tasks.length > 0 && tasks;
    });
    expect(again).toMatchObject({ attemptIdx: 1, stageId: 's0' });
    expect(again?.executionId).not.toBe(task?.executionId);
    expect(await rig.load('p')).toBe(0);
    await expect(rig.complete(task?.executionId ?? '')).rejects.toMatchObject({ reason: 'EXECUTION_NOT_FOUND' });
    await rig.complete(again?.executionId ?? '');
    expect((await rig.stage(planId, 's0')).attempts).toHaveLength(1);
  });

  it('keeps what it was heard of about', async () => {
    const rig = await runnerRig();
    await rig.register('p', puller);
    const planId = await withStages(rig, 1);
    const [task] = await rig.acquire('p');
    await rig.update(task?.executionId ?? '');
    rig.time.advance(60_000);
    await rig.settle();
    await rig.write(planId, { stages: [remote('later')] });
    expect(await rig.acquire('p')).toMatchObject([{ stageId: 'later' }]);
    expect((await rig.stage(planId, 's0')).attempts[0]).toMatchObject({ state: 'RUNNING', runnerId: 'p' });
  });

  it('loses nothing with a call that is cut', async () => {
    const cut = new AbortController();
    let isReserving = false;
    // Cut when the reservation is durable, before the call could be answered.
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      write: async (work, options) => {
        const written = await storage.write(work, options);
        if (isReserving) cut.abort(new Error('gone'));
        return written;
      },
    });
    const rig = await runnerRig({ wrap });
    await rig.register('p', puller);
    const { orchestrator } = rig.service;
    const request = { runnerId: 'p', runnerTypes: [], maxExecutions: 1, waitMs: 60_000, heldExecutionIds: [] };
    const call = orchestrator.acquireExecutions({ signal: cut.signal }, request);
    call.catch(() => {});
    const planId = await rig.createPlan();
    const writing = rig.write(planId, { stages: [remote('s')] });
    isReserving = true;
    await writing;
    await expect(call).rejects.toThrow('gone');
    await waitFor('the attempt to be free', async () => (await rig.load('p')) === 0);
    const [task] = await rig.acquire('p');
    expect(task).toMatchObject({ stageId: 's', attemptIdx: 1 });
  });

  it('shares with others by load', async () => {
    const rig = await runnerRig();
    await rig.register('pushed');
    await rig.register('p', puller);
    const waiting = rig.acquire('p', { waitMs: 60_000, maxExecutions: 1 });
    await withStages(rig, 2, { executionPolicy: policy({ maxAttempts: 1 }) });
    expect(await waiting).toHaveLength(1);
    await rig.call(1);
    expect([await rig.load('p'), await rig.load('pushed')]).toEqual([1, 1]);
  });
});
