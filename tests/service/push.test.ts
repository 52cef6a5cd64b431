import { describe, expect, it } from 'vitest';
import { answered } from '../support/fake-runner-calls.ts';
import { policy, remote, runnerRig } from '../support/runner-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { after as behind, checkWrite } from '../support/writes.ts';

describe('a pushed attempt', () => {
  it('is reserved before the call, RUNNING once it went out, and ended by its answer', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof answered>>();
    rig.calls.onRun = () => promise;
    const planId = await rig.createPlan();
    await rig.write(planId, { checks: [checkWrite('c', { state: 'PLANNED', kind: 'unit', options: { a: 1 } })] });
    const assignments = [{ targetCheckId: 'c', goalState: 'FINAL' as const }];
    await rig.write(planId, { stages: [remote('s', { args: { x: 'y' }, assignments })] });
    const { task, address } = await rig.call(1);
    expect(address).toBe('r1:1');
    expect(task).toEqual({
      executionId: expect.any(String),
      planId,
      stageId: 's',
      attemptIdx: 1,
      args: { x: 'y' },
      assignedCheckIds: ['c'],
      checkOptions: [{ checkId: 'c', kind: 'unit', options: { a: 1 } }],
      deadline: rig.time.now() + 300_000,
      runnerType: 'build',
      metadata: {},
      heartbeatTimeoutMs: 0,
    });
    const [reserved] = (await rig.stage(planId, 's')).attempts;
    expect(reserved).toMatchObject({
      state: 'PENDING',
      processUid: task.executionId,
      executionId: task.executionId,
      runnerId: 'r1',
      deadline: task.deadline,
    });
    expect(await rig.load('r1')).toBe(1);
    rig.time.advance(60);
    await waitFor('RUNNING', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'RUNNING');
    resolve(answered({ details: { took: 3 } }));
    const ended = await waitFor('the end', async () => {
      const stage = await rig.stage(planId, 's');
      return stage.state === 'FINAL' && stage;
    });
    expect(ended.attempts[0]).toMatchObject({ state: 'COMPLETE', details: { took: 3 } });
    expect((await rig.check(planId, 'c')).outcome).toBe('SUCCEEDED');
    expect(await rig.load('r1')).toBe(0);
  });

  it('waits for a runner, and starts the moment one registers', async () => {
    const rig = await runnerRig();
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [remote('s')] });
    expect((await rig.stage(planId, 's')).attempts[0]).toMatchObject({ state: 'PENDING', executionId: undefined });
    await rig.register('other', { runnerType: 'deploy' });
    expect(rig.calls.made).toHaveLength(0);
    await rig.register('r1');
    await rig.call(1);
  });

  it('goes to the least loaded runner of its mode, never beyond what each takes', async () => {
    const rig = await runnerRig();
    await rig.register('small', { maxConcurrent: 2 });
    await rig.register('large', { maxConcurrent: 5 });
    await rig.register('async', { supportedModes: ['ASYNC'] });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: Array.from({ length: 12 }, (_, at) => remote(`s${at}`)) });
    await rig.call(7);
    const byAddress = (address: string) => rig.calls.made.filter((call) => call.address === address).length;
    expect([byAddress('small:1'), byAddress('large:1'), byAddress('async:1')]).toEqual([2, 5, 0]);
    await rig.write(planId, { stages: [remote('a', { executionMode: 'ASYNC' })] });
    const { kind, address } = await rig.call(8);
    expect({ kind, address }).toEqual({ kind: 'RUN_ASYNC', address: 'async:1' });
    rig.calls.onRun = async () => answered();
    for (const { task } of rig.calls.made.slice(0, 7)) await rig.complete(task.executionId);
    await rig.call(13);
  });

  it('goes to another runner at no cost when the call was not delivered, and spares the first', async () => {
    const rig = await runnerRig();
    await rig.register('dead');
    rig.calls.onRun = async () => ({ kind: 'UNDELIVERED', message: 'no connection' });
    rig.calls.onPing = async () => false;
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [remote('s')] });
    await rig.call(1);
    await waitFor(
      'the reservation to go',
      async () => (await rig.stage(planId, 's')).attempts[0]?.runnerId === undefined,
    );
    const { orchestrator } = rig.service;
    const suspended = async () =>
      (await orchestrator.listRunners({ signal: new AbortController().signal }, { runnerType: '' }))[0]?.suspended;
    expect(await suspended()).toBe(true);
    expect(await rig.load('dead')).toBe(0);
    rig.time.advance(1000);
    await waitFor('a ping', () => rig.calls.pinged.length === 1);
    rig.time.advance(1999);
    expect(rig.calls.pinged).toHaveLength(1);
    rig.time.advance(1);
    await waitFor('the second ping', () => rig.calls.pinged.length === 2);
    rig.calls.onPing = async () => true;
    rig.calls.onRun = async () => answered();
    rig.time.advance(4000);
    await rig.call(2);
    const stage = await waitFor('the end', async () => {
      const found = await rig.stage(planId, 's');
      return found.state === 'FINAL' && found;
    });
    expect(stage.attempts).toHaveLength(1);
    expect(await suspended()).toBe(false);
  });

  it('is tried at once where a runner that was spared registers from another address', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    rig.calls.onRun = async (call) =>
      call.address === 'r1:1' ? { kind: 'UNDELIVERED', message: 'no connection' } : answered();
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [remote('s')] });
    await rig.call(1);
    await waitFor('the reservation to go', async () => (await rig.load('r1')) === 0);
    await rig.register('r1');
    expect(rig.calls.made).toHaveLength(1);
    await rig.register('r1', { address: 'r1:2' });
    expect((await rig.call(2)).address).toBe('r1:2');
  });

  it('ends INCOMPLETE when nobody knows what the runner did, and the runner is told to stop', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    rig.calls.onRun = async () => ({ kind: 'BROKEN', message: 'the connection broke' });
    const planId = await rig.createPlan();
    await rig.write(planId, {
      stages: [remote('s', { executionPolicy: policy({ maxAttempts: 2, backoffInitialMs: 10_000 }) })],
    });
    const { task } = await rig.call(1);
    await waitFor('attempt 2', async () => (await rig.stage(planId, 's')).attempts.length === 2);
    const [first, second] = (await rig.stage(planId, 's')).attempts;
    expect(first).toMatchObject({ state: 'INCOMPLETE', failure: { reason: 'RUNNER_ERROR' } });
    expect(second).toMatchObject({ state: 'PENDING', availableAt: rig.time.now() + 5000 });
    expect(rig.calls.cancelled.map(({ executionId }) => executionId)).toEqual([task.executionId]);
    rig.calls.onRun = async () => answered();
    rig.time.advance(5000);
    await waitFor('the end', async () => (await rig.stage(planId, 's')).state === 'FINAL');
    expect(rig.calls.made.map((call) => call.task.attemptIdx)).toEqual([1, 2]);
  });

  it('of a mode or type without room holds up no other', async () => {
    const rig = await runnerRig();
    await rig.register('full', { maxConcurrent: 1, supportedModes: ['SYNC'] });
    await rig.register('async', { supportedModes: ['ASYNC'] });
    await rig.register('d', { runnerType: 'deploy' });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: Array.from({ length: 50 }, (_, at) => remote(`s${at}`)) });
    await rig.call(1);
    await rig.write(planId, {
      stages: [remote('a', { executionMode: 'ASYNC' }), remote('d', { runnerType: 'deploy' })],
    });
    await rig.call(3);
    expect(rig.calls.made.map(({ address }) => address).sort()).toEqual(['async:1', 'd:1', 'full:1']);
  });

  it('of a small plan does not wait for those of a huge one', async () => {
    const rig = await runnerRig();
    await rig.register('r1', { maxConcurrent: 4 });
    const order: string[] = [];
    rig.calls.onRun = async ({ task }) => {
      order.push(task.planId);
      return answered();
    };
    const [huge, small] = [await rig.createPlan(), await rig.createPlan()];
    await Promise.all([
      rig.write(huge, { stages: Array.from({ length: 400 }, (_, at) => remote(`h${at}`)) }),
      rig.write(small, { stages: Array.from({ length: 10 }, (_, at) => remote(`s${at}`)) }),
    ]);
    await waitFor('all', () => order.length === 410, 30_000);
    expect(order.lastIndexOf(small)).toBeLessThan(60);
    await waitFor('the load to go', async () => (await rig.load('r1')) === 0);
  });

  it('advances a chain, with what each answer says', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    rig.calls.onRun = async ({ task }) =>
      answered({
        checkUpdates: [
          {
            checkId: `c${task.stageId}`,
            state: 'FINAL',
            data: { by: task.stageId },
            finalize: false,
            failure: undefined,
          },
        ],
      });
    const planId = await rig.createPlan();
    const ids = ['1', '2', '3'];
    await rig.write(planId, {
      checks: ids.map((id) => checkWrite(`c${id}`, { state: 'PLANNED', dependencies: behind('STAGE', id) })),
      stages: ids.map((id, at) =>
        at === 0 ? remote(id) : remote(id, { dependencies: behind('STAGE', ids[at - 1] ?? '') }),
      ),
    });
    await waitFor('the end', async () => (await rig.stage(planId, '3')).state === 'FINAL');
    expect((await rig.check(planId, 'c3')).results).toMatchObject([{ data: { by: '3' }, ownerId: '3:1' }]);
  });

  it('ends INCOMPLETE(RUNNER_ERROR) when its answer can not be applied, and leaves no trace of it', async () => {
    const rig = await runnerRig();
    await rig.register('r1');
    const update = { state: 'FINAL', data: undefined, finalize: false, failure: undefined } as const;
    rig.calls.onRun = async () =>
      answered({
        checkUpdates: [
          { checkId: 'c', ...update },
          { checkId: 'nowhere', ...update },
        ],
      });
    const planId = await rig.createPlan();
    await rig.write(planId, {
      checks: [checkWrite('c')],
      stages: [remote('s', { executionPolicy: policy({ maxAttempts: 1 }) })],
    });
    const stage = await waitFor('the end', async () => {
      const found = await rig.stage(planId, 's');
      return found.state === 'FINAL' && found;
    });
    expect(stage.attempts[0]?.failure).toMatchObject({
      reason: 'RUNNER_ERROR',
      message: expect.stringContaining('nowhere'),
    });
    expect((await rig.check(planId, 'c')).state).toBe('PLANNING');
  });
});
