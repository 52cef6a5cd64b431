import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { NoopExecutor } from '../../src/service/executor/noop.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { answered } from '../support/fake-runner-calls.ts';
import { remote, runnerRig } from '../support/runner-rig.ts';
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
});
