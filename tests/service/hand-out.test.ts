import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Executor } from '../../src/service/executor/executor.ts';
import { NoopExecutor } from '../../src/service/executor/noop.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { answered, untilCut } from '../support/fake-runner-calls.ts';
import { policy, remote, runnerRig } from '../support/runner-rig.ts';
import { anyCall, serviceRig } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { after as behind, stageWrite } from '../support/writes.ts';

/** Stages that each wait for the one before. */
function chain(length: number, one: (id: string) => ReturnType<typeof stageWrite>) {
  return Array.from({ length }, (_, at) => ({
    ...one(`s${at}`),
    dependencies: at === 0 ? undefined : behind('STAGE', `s${at - 1}`),
  }));
}

/** A storage that loses a unit of work of one kind after it has run, as often as it is told to. */
function losing(): { readonly wrap: (storage: Storage) => Storage; lose(units: number): void } {
  let left = 0;
  const wrap = (storage: Storage): Storage => ({
    ...storage,
    write: (work, options) =>
      storage.write(async (uow) => {
        const value = await work(uow);
        if (left === 0) return value;
        left -= 1;
        throw new AppError('STORAGE_UNAVAILABLE', 'the unit of work is lost');
      }, options),
  });
  return {
    wrap,
    lose: (units) => {
      left = units;
    },
  };
}

describe('an attempt that need not wait', () => {
  it.each([0, 1])(
    'is reserved by the unit that makes it ready, also for a runner with max_concurrent %i',
    async (most) => {
      const rig = await runnerRig();
      await rig.register('r1', { maxConcurrent: most });
      rig.calls.onRun = async () => answered();
      const planId = await rig.createPlan();
      await rig.write(planId, { stages: chain(20, remote) });
      await waitFor('the end', async () => (await rig.stage(planId, 's19')).state === 'FINAL');
      const { version } = await rig.service.orchestrator.getWorkPlan(anyCall, { id: planId });
      // The creation, the write, and the end of each stage.
      expect(version).toBe(22);
      expect(await rig.load('r1')).toBe(0);
    },
  );

  it('is claimed by the unit that makes it ready, also with one slot', async () => {
    const rig = await serviceRig({ executors: [new NoopExecutor(systemClock())], concurrency: 1 });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: chain(20, (id) => stageWrite(id, { runnerType: 'builtin/noop' })) });
    await waitFor('the end', async () => (await rig.stage(planId, 's19')).state === 'FINAL');
    const { version } = await rig.service.orchestrator.getWorkPlan(anyCall, { id: planId });
    expect(version).toBe(22);
  });

  it('is told of nowhere before it is durable, and finds its room again after the unit was lost', async () => {
    const { wrap, lose } = losing();
    const rig = await runnerRig({ wrap });
    await rig.register('r1', { maxConcurrent: 1 });
    const planId = await rig.createPlan();
    lose(1);
    await expect(rig.write(planId, { stages: [remote('lost')] })).rejects.toThrow('lost');
    expect(rig.calls.made).toEqual([]);
    expect(await rig.load('r1')).toBe(0);
    await rig.write(planId, { stages: [remote('kept')] });
    expect((await rig.call(1)).task.stageId).toBe('kept');
    expect(await rig.load('r1')).toBe(1);
  });

  it('leaves room that a lost unit gave back to whoever waits by then', async () => {
    const { wrap, lose } = losing();
    const rig = await runnerRig({ wrap });
    await rig.register('r1', { maxConcurrent: 1 });
    const [first, second] = [await rig.createPlan(), await rig.createPlan()];
    lose(1);
    const lost = expect(rig.write(first, { stages: [remote('lost')] })).rejects.toThrow('lost');
    await Promise.all([lost, rig.write(second, { stages: [remote('kept')] })]);
    expect((await rig.call(1)).task.stageId).toBe('kept');
  });

  it('does not get ahead of one that waits', async () => {
    const rig = await runnerRig();
    await rig.register('r1', { maxConcurrent: 1 });
    const answers: (() => void)[] = [];
    rig.calls.onRun = () => new Promise((resolve) => answers.push(() => resolve(answered())));
    const [busy, patient] = [await rig.createPlan(), await rig.createPlan()];
    await rig.write(busy, { stages: chain(2, remote) });
    await rig.call(1);
    await rig.write(patient, { stages: [remote('waits')] });
    answers[0]?.();
    expect((await rig.call(2)).task.stageId).toBe('waits');
    answers[1]?.();
    expect((await rig.call(3)).task).toMatchObject({ planId: busy, stageId: 's1' });
    answers[2]?.();
  });

  it('is one of many: what one unit does not hand out waits in the queue, and nothing is lost or doubled', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    rig.calls.onRun = async () => answered();
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: Array.from({ length: 200 }, (_, at) => remote(`s${at}`)) });
    await waitFor('the end of the plan', async () => {
      const { state } = await rig.service.orchestrator.getWorkPlan(anyCall, { id: planId });
      return state === 'COMPLETE';
    });
    expect(new Set(rig.calls.made.map(({ task }) => task.stageId)).size).toBe(200);
    expect(rig.calls.made).toHaveLength(200);
    expect(await rig.load('r1')).toBe(0);
  });

  it('of one mode does not get ahead of one that waits for the same runner in the other', async () => {
    const rig = await runnerRig();
    await rig.register('r1', { maxConcurrent: 1 });
    const order: string[] = [];
    const { promise: first, resolve: goOn } = Promise.withResolvers<void>();
    rig.calls.onRun = async ({ task }) => {
      if (task.stageId === 's0') await first;
      order.push(task.stageId);
      return answered();
    };
    rig.calls.onRunAsync = async ({ task }) => {
      order.push(task.stageId);
      setImmediate(() => void rig.complete(task.executionId));
      return { kind: 'ACCEPTED' };
    };
    const [long, other] = [await rig.createPlan(), await rig.createPlan()];
    await rig.write(long, { stages: chain(20, (id) => remote(id, { executionMode: 'SYNC' })) });
    await rig.call(1);
    await rig.write(other, { stages: [remote('waits', { executionMode: 'ASYNC' })] });
    goOn();
    await waitFor('both ends', async () => {
      const ends = [await rig.stage(long, 's19'), await rig.stage(other, 'waits')];
      return ends.every(({ state }) => state === 'FINAL');
    });
    expect(order.indexOf('waits')).toBeLessThan(5);
  });

  it('goes to waiting runners by the queue, as much at a time as an answer holds', async () => {
    const rig = await runnerRig();
    await rig.register('p1', { address: '' });
    const planId = await rig.createPlan();
    const pulled = rig.acquire('p1', { waitMs: 10_000, maxExecutions: 32 });
    const args = { big: 'x'.repeat(900_000) };
    await rig.write(planId, { stages: Array.from({ length: 15 }, (_, at) => remote(`s${at}`, { args })) });
    expect((await pulled).length).toBeGreaterThan(1);
    await rig.settle();
    const { version } = await rig.service.orchestrator.getWorkPlan(anyCall, { id: planId });
    // The creation, the write, and one reservation: nothing was taken back.
    expect(version).toBe(3);
  });
});

describe('the room of an attempt that somebody else ended', () => {
  it.each(['SYNC', 'ASYNC'] as const)('is free once its runner was told to stop (%s)', async (executionMode) => {
    const rig = await runnerRig();
    await rig.register('r1', { maxConcurrent: 1 });
    const order: string[] = [];
    rig.calls.onRun = ({ task }, signal) => {
      order.push(`run ${task.stageId}`);
      return untilCut(signal);
    };
    rig.calls.onRunAsync = async ({ task }) => {
      order.push(`run ${task.stageId}`);
      return { kind: 'ACCEPTED' };
    };
    rig.calls.onCancel = async () => {
      order.push('cancel');
      return 'ACCEPTED';
    };
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: chain(2, (id) => remote(id, { executionMode })) });
    await rig.call(1);
    await rig.write(planId, { stages: [stageWrite('s0', { state: 'FINAL' })] });
    await rig.call(2);
    expect(order).toEqual(['run s0', 'cancel', 'run s1']);
  });

  it('is free after a timeout once its runner was told to stop, also for a retry without a backoff', async () => {
    const rig = await runnerRig();
    await rig.register('r1', { maxConcurrent: 1 });
    const order: string[] = [];
    rig.calls.onRun = ({ task }, signal) => {
      order.push(`run ${task.attemptIdx}`);
      return untilCut(signal);
    };
    rig.calls.onCancel = async () => {
      order.push('cancel');
      return 'ACCEPTED';
    };
    const planId = await rig.createPlan();
    const executionPolicy = policy({ maxAttempts: 2, attemptTimeoutMs: 5000, backoffInitialMs: 0, backoffMaxMs: 0 });
    await rig.write(planId, { stages: [remote('s', { executionMode: 'SYNC', executionPolicy })] });
    await rig.call(1);
    await rig.settle();
    rig.time.advance(5001);
    await rig.call(2);
    expect(order).toEqual(['run 1', 'cancel', 'run 2']);
  });

  it('is taken by its executor until that has ended', async () => {
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const slow: Executor = {
      runnerType: 'builtin/slow',
      enabled: true,
      check: () => [],
      async execute() {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => ends.push(resolve));
        running -= 1;
        return { checkUpdates: [], details: undefined, failure: undefined, verdict: false };
      },
    };
    const rig = await serviceRig({ executors: [slow], concurrency: 1 });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: chain(5, (id) => stageWrite(id, { runnerType: 'builtin/slow' })) });
    for (let at = 0; at < 5; at++) {
      await waitFor(`execution ${at + 1}`, () => ends.length === at + 1);
      await rig.write(planId, { stages: [stageWrite(`s${at}`, { state: 'FINAL' })] });
      // What would begin in its place has begun when writes behind it have been made.
      for (let behindIt = 0; behindIt < 3; behindIt++) await rig.createPlan();
      expect(running).toBe(1);
      ends[at]?.();
    }
    expect(most).toBe(1);
  });
});
