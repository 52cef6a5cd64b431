import { fromJson, toBinary } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import type { RunnerTask } from '../../src/service/execution/runner-calls.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { answered, untilCut } from '../support/fake-runner-calls.ts';
import { policy, type RunnerRig, remote, runnerRig } from '../support/runner-rig.ts';
import { anyCall } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { stageWrite } from '../support/writes.ts';

const puller = { address: '' };
const idsOf = (tasks: readonly RunnerTask[]) => tasks.map(({ executionId }) => executionId);
const first = async (rig: RunnerRig, planId: string, id = 's') => (await rig.stage(planId, id)).attempts[0];

async function onePlan(rig: RunnerRig, ...stages: Parameters<typeof remote>[]): Promise<string> {
  const planId = await rig.createPlan();
  await rig.write(planId, { stages: stages.map((stage) => remote(...stage)) });
  return planId;
}

const final = (rig: RunnerRig, planId: string, id = 's') =>
  waitFor(`the end of ${id}`, async () => {
    const stage = await rig.stage(planId, id);
    return stage.state === 'FINAL' && stage;
  });

describe('what a runner acquired', () => {
  it('has its full time to be heard of again when it is answered again', async () => {
    const rig = await runnerRig();
    await rig.register('r1', puller);
    await rig.register('r2', puller);
    await onePlan(rig, ['s']);
    const lost = await rig.acquire('r1');
    rig.time.advance(29_900);
    expect(await rig.acquire('r1')).toEqual(lost);
    rig.time.advance(29_900);
    await rig.settle();
    expect(await rig.acquire('r2')).toEqual([]);
    await rig.update(idsOf(lost)[0] ?? '');
    rig.time.advance(60_000);
    await rig.settle();
    expect(await rig.acquire('r2')).toEqual([]);
  });

  it('is not taken back once the runner was heard of, however late the order to take it back is written', async () => {
    const cut = new AbortController();
    let isReserving = false;
    let fails = 0;
    // The call is cut when the reservation is durable; the first try to take it back meets a full queue of writes.
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      write: async (work, options) => {
        if (fails > 0) {
          fails -= 1;
          throw new AppError('WRITE_QUEUE_FULL', 'too many writes are waiting');
        }
        const written = await storage.write(work, options);
        if (isReserving) {
          isReserving = false;
          cut.abort(new Error('gone'));
          fails = 1;
        }
        return written;
      },
    });
    const rig = await runnerRig({ wrap });
    await rig.register('r1', puller);
    const planId = await rig.createPlan();
    const request = { runnerId: 'r1', runnerTypes: [], maxExecutions: 1, waitMs: 60_000, heldExecutionIds: [] };
    const call = rig.service.orchestrator.acquireExecutions({ signal: cut.signal }, request);
    call.catch(() => {});
    const writing = rig.write(planId, { stages: [remote('s')] });
    isReserving = true;
    await writing;
    const { executionId = '' } = await waitFor('the reservation', async () => {
      const attempt = await first(rig, planId);
      return attempt?.executionId !== undefined && attempt;
    });
    await rig.update(executionId);
    await waitFor('the second try', async () => {
      rig.time.advance(100);
      return fails === 0;
    });
    await rig.update(executionId, 'still mine');
    expect(await first(rig, planId)).toMatchObject({ state: 'RUNNING', executionId });
  });

  it('is answered again also when a cut call could not give it back', async () => {
    const cut = new AbortController();
    let isRecalling = false;
    let isBroken = false;
    // The call is cut when it has been given the execution again, and giving it back fails.
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      write: async (work, options) => {
        if (isBroken) {
          isBroken = false;
          throw new Error('broken');
        }
        const written = await storage.write(work, options);
        if (isRecalling) {
          isRecalling = false;
          isBroken = true;
          cut.abort(new Error('gone'));
        }
        return written;
      },
    });
    const rig = await runnerRig({ wrap });
    await rig.register('r1', puller);
    await onePlan(rig, ['s']);
    const lost = await rig.acquire('r1');
    const request = { runnerId: 'r1', runnerTypes: [], maxExecutions: 1, waitMs: 0, heldExecutionIds: [] };
    isRecalling = true;
    await expect(rig.service.orchestrator.acquireExecutions({ signal: cut.signal }, request)).rejects.toThrow('broken');
    expect(idsOf(await rig.acquire('r1'))).toEqual(idsOf(lost));
  });

  it('is not answered again once it was told to stop', async () => {
    const rig = await runnerRig();
    await rig.register('r1', puller);
    const planId = await onePlan(rig, ['s']);
    await rig.acquire('r1');
    await rig.service.orchestrator.cancelStage(anyCall, { workPlanId: planId, stageId: 's', reason: '' });
    expect(await rig.acquire('r1')).toEqual([]);
    expect((await final(rig, planId)).outcome).toBe('CANCELLED');
  });

  it.each([
    ['text', 'x'.repeat(900_000)],
    ['text of other scripts', '語'.repeat(300_000)],
    ['numbers', Array.from({ length: 60_000 }, () => 1)],
  ])('fits into a message (%s)', async (_what, value) => {
    const rig = await runnerRig();
    await rig.register('r1', puller);
    const args = { value };
    const sizeOf = (tasks: readonly RunnerTask[]) =>
      tasks.reduce((sum, task) => sum + toBinary(StructSchema, fromJson(StructSchema, task.args)).byteLength, 0);
    await onePlan(
      rig,
      ...Array.from({ length: 9 }, (_, at) => [`s${at}`, { args }] as [string, { args: typeof args }]),
    );
    const held: string[] = [];
    for (let round = 0; round < 3; round++) {
      const tasks = await rig.acquire('r1', { heldExecutionIds: held });
      expect(sizeOf(tasks)).toBeLessThan(4 * 1024 * 1024);
      expect(tasks.length).toBeGreaterThan(0);
      held.push(...idsOf(tasks));
    }
    expect(new Set(held).size).toBe(9);
    const again = await rig.acquire('r1');
    expect(again.length).toBeGreaterThan(0);
    expect(sizeOf(again)).toBeLessThan(4 * 1024 * 1024);
  });

  it('is never the execution of another runner, however old the look that found it', async () => {
    let gate: Promise<void> | undefined;
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      read: async (work) => {
        const answer = await storage.read(work);
        await gate;
        return answer;
      },
    });
    const rig = await runnerRig({ wrap });
    await rig.register('r0', puller);
    await rig.register('r1', puller);
    await onePlan(rig, ['s']);
    expect(await rig.acquire('r0')).toHaveLength(1);
    const open = Promise.withResolvers<void>();
    gate = open.promise;
    const late = rig.acquire('r0');
    await rig.settle();
    gate = undefined;
    rig.time.advance(30_000);
    const [taken] = await waitFor('r1 to get it', async () => {
      const tasks = await rig.acquire('r1');
      return tasks.length > 0 && tasks;
    });
    open.resolve();
    expect(idsOf(await late)).not.toContain(taken?.executionId);
  });

  it('is of all its types in turn, also when the one that it looked at first has nothing', async () => {
    const rig = await runnerRig();
    for (const runnerType of ['build', 'b']) await rig.register('p', { ...puller, runnerType });
    const planId = await onePlan(rig, ['a1']);
    const [first1] = await rig.acquire('p', { maxExecutions: 1 });
    await rig.complete(first1?.executionId ?? '');
    await rig.write(planId, { stages: [stageWrite('b1', { runnerType: 'b' })] });
    const [second1] = await rig.acquire('p', { maxExecutions: 1, waitMs: 30_000 });
    expect(second1?.stageId).toBe('b1');
    await rig.complete(second1?.executionId ?? '');

    await rig.write(planId, { stages: Array.from({ length: 10 }, (_, at) => remote(`x${at}`)) });
    await rig.write(planId, { stages: [stageWrite('b2', { runnerType: 'b' })] });
    const order: string[] = [];
    while (!order.includes('b2')) {
      const [task] = await rig.acquire('p', { maxExecutions: 1, waitMs: 30_000 });
      order.push(task?.stageId ?? '');
      await rig.complete(task?.executionId ?? '');
    }
    expect(order.length).toBeLessThanOrEqual(2);
  });

  it('is what the other call left, when two ask at a time without waiting', async () => {
    const rig = await runnerRig();
    await rig.register('r1', puller);
    await rig.register('r2', puller);
    await onePlan(rig, ['a'], ['b']);
    const both = await Promise.all(['r1', 'r2'].map((id) => rig.acquire(id, { maxExecutions: 1 })));
    expect(both.map((tasks) => tasks.length)).toEqual([1, 1]);
  });
});

describe('a stage that no runner takes', () => {
  it('keeps no other waiting', async () => {
    const rig = await runnerRig();
    await rig.register('r', { maxConcurrent: 1 });
    const done: string[] = [];
    rig.calls.onRun = async ({ task }) => {
      if (task.stageId === 'bad') return { kind: 'UNDELIVERED', message: 'too large' };
      done.push(task.stageId);
      return answered();
    };
    const planId = await onePlan(rig, ['bad']);
    await rig.write(planId, { stages: [remote('good1'), remote('good2')] });
    await waitFor('the others', () => {
      rig.time.advance(1000);
      return done.length === 2;
    });
    expect(await first(rig, planId, 'bad')).toMatchObject({ state: 'PENDING', idx: 1 });
  });
});

describe('a runner that has reported', () => {
  it('has begun: a refusal after that is a failed attempt', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const refusal = Promise.withResolvers<Awaited<ReturnType<typeof rig.calls.onRun>>>();
    rig.calls.onRun = () => refusal.promise;
    const planId = await onePlan(rig, ['s', { executionPolicy: policy({ maxAttempts: 1 }) }]);
    const { task } = await rig.call(1);
    await rig.update(task.executionId, 'begun');
    refusal.resolve({ kind: 'UNDELIVERED', message: 'RESOURCE_EXHAUSTED: quota' });
    const stage = await final(rig, planId);
    expect(stage.attempts).toMatchObject([{ state: 'INCOMPLETE', failure: { reason: 'RUNNER_ERROR' } }]);
  });

  it('has the offer, whatever becomes of the call', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const offer = Promise.withResolvers<Awaited<ReturnType<typeof rig.calls.onRunAsync>>>();
    rig.calls.onRunAsync = () => offer.promise;
    const planId = await onePlan(rig, ['s', { executionMode: 'ASYNC' }]);
    const { task } = await rig.call(1);
    await rig.update(task.executionId, 'I have it');
    offer.resolve({ kind: 'BROKEN', message: 'the connection broke' });
    await rig.complete(task.executionId);
    expect((await final(rig, planId)).attempts).toMatchObject([{ state: 'COMPLETE' }]);
  });

  it('by Complete ends the blocking call that waits for the same answer', async () => {
    const rig = await runnerRig();
    await rig.register('r', { maxConcurrent: 1 });
    let isCut = false;
    rig.calls.onRun = async (_call, signal) => {
      const outcome = await untilCut(signal);
      isCut = true;
      return outcome;
    };
    const planId = await onePlan(rig, ['s']);
    const { task } = await rig.call(1);
    await rig.complete(task.executionId);
    await waitFor('the call to be cut', () => isCut);
    expect((await final(rig, planId)).outcome).toBe('SUCCEEDED');
  });
});

describe('the modes of a runner', () => {
  it('take turns, type by type', async () => {
    const rig = await runnerRig();
    const ended: string[] = [];
    for (const runnerType of ['A', 'B']) await rig.register(`r${runnerType}`, { runnerType, maxConcurrent: 1 });
    const planId = await rig.createPlan();
    const stages = ['A', 'B'].flatMap((runnerType) =>
      (['SYNC', 'ASYNC'] as const).flatMap((executionMode) =>
        Array.from({ length: 6 }, (_, at) =>
          stageWrite(`${runnerType}${executionMode}${at}`, { runnerType, executionMode }),
        ),
      ),
    );
    await rig.write(planId, { stages });
    while (ended.length < 24) {
      const next = await waitFor('a call', () => rig.calls.made.find(({ task }) => !ended.includes(task.executionId)));
      ended.push(next.task.executionId);
      await rig.complete(next.task.executionId);
    }
    for (const runnerType of ['A', 'B']) {
      const kinds = rig.calls.made.filter(({ task }) => task.runnerType === runnerType).map(({ kind }) => kind);
      const longest = Math.max(
        ...kinds
          .join(' ')
          .split('RUN_ASYNC')
          .map((run) => run.split('RUN').length - 1),
      );
      expect(longest, kinds.join(' ')).toBeLessThanOrEqual(2);
    }
  });
});

describe('a server that takes only so many', () => {
  it('refuses further registrations, and further calls that wait', async () => {
    const rig = await runnerRig({ limits: { runners: 2, pullers: 1 } });
    await rig.register('a', puller);
    await rig.register('b', puller);
    await rig.register('a', puller);
    await expect(rig.register('c')).rejects.toMatchObject({ reason: 'RUNNERS_LIMIT' });
    const waiting = rig.acquire('a', { waitMs: 60_000 });
    await waitFor('the limit', () =>
      rig.acquire('b', { waitMs: 0 }).then(
        () => undefined,
        (error: unknown) => error instanceof AppError && error.reason === 'PULLERS_LIMIT',
      ),
    );
    await onePlan(rig, ['s']);
    expect(await waiting).toHaveLength(1);
  });
});
