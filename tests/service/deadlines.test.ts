import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answered } from '../support/fake-runner-calls.ts';
import { manualClock } from '../support/manual-clock.ts';
import { policy, type RunnerRig, remote, runnerRig } from '../support/runner-rig.ts';
import { scratchFolder } from '../support/scratch.ts';
import { anyCall } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { attemptWrite, after as behind, checkWrite, stageWrite } from '../support/writes.ts';

const once = { maxAttempts: 1 };

const final = (rig: RunnerRig, planId: string, id: string) =>
  waitFor(`the end of ${id}`, async () => {
    const stage = await rig.stage(planId, id);
    return stage.state === 'FINAL' && stage;
  });

async function oneStage(rig: RunnerRig, change: Parameters<typeof remote>[1] = {}): Promise<string> {
  const planId = await rig.createPlan();
  await rig.write(planId, { stages: [remote('s', change)] });
  return planId;
}

describe('the attempt_timeout', () => {
  it.each(['SYNC', 'ASYNC'] as const)(
    'ends an attempt of a %s runner, which is told to stop',
    async (executionMode) => {
      const rig = await runnerRig();
      await rig.register('r');
      const planId = await oneStage(rig, {
        executionMode,
        executionPolicy: policy({ ...once, attemptTimeoutMs: 60_000 }),
      });
      const { task } = await rig.call(1);
      await waitFor('the hand-over', async () => (await rig.stage(planId, 's')).attempts[0]?.deadline !== undefined);
      rig.time.advance(59_999);
      await rig.settle();
      expect((await rig.stage(planId, 's')).state).toBe('ATTEMPTING');
      rig.time.advance(1);
      const stage = await final(rig, planId, 's');
      expect(stage).toMatchObject({ outcome: 'FAILED', concludedReason: 'NO_RETRIES_LEFT' });
      expect(stage.attempts[0]).toMatchObject({ state: 'INCOMPLETE', failure: { reason: 'TIMEOUT' } });
      expect(rig.calls.cancelled).toMatchObject([{ executionId: task.executionId }]);
      await expect(rig.complete(task.executionId)).rejects.toMatchObject({ reason: 'EXECUTION_ENDED' });
    },
  );

  it('does not count while the attempt waits', async () => {
    const rig = await runnerRig();
    const planId = await oneStage(rig, { executionPolicy: policy({ ...once, attemptTimeoutMs: 1000 }) });
    rig.time.advance(3_600_000);
    rig.calls.onRun = async () => answered();
    await rig.register('r');
    expect((await final(rig, planId, 's')).outcome).toBe('SUCCEEDED');
  });

  it('holds for an attempt that its writer drives', async () => {
    const rig = await runnerRig();
    const planId = await rig.createPlan();
    await rig.write(planId, {
      stages: [stageWrite('s', { executionPolicy: policy({ ...once, attemptTimeoutMs: 1000 }) })],
    });
    rig.time.advance(5000);
    await rig.write(planId, { stages: [stageWrite('s', { currentAttempt: attemptWrite({ processUid: 'me' }) })] });
    rig.time.advance(1000);
    expect((await final(rig, planId, 's')).attempts[0]?.failure?.reason).toBe('TIMEOUT');
  });
});

describe('the heartbeat_timeout', () => {
  const beating = { executionMode: 'ASYNC', executionPolicy: policy({ ...once, heartbeatTimeoutMs: 10_000 }) } as const;

  it('ends an attempt whose runner falls silent', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const planId = await oneStage(rig, beating);
    await rig.call(1);
    await waitFor('SCHEDULED', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'SCHEDULED');
    rig.time.advance(10_000);
    const stage = await final(rig, planId, 's');
    expect(stage.attempts[0]?.failure?.reason).toBe('HEARTBEAT_LOST');
    expect(rig.calls.cancelled).toHaveLength(1);
  });

  it('is put off by each sign of life, of which those without a word leave no trace', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const planId = await oneStage(rig, beating);
    const { task } = await rig.call(1);
    await waitFor('SCHEDULED', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'SCHEDULED');
    await rig.update(task.executionId);
    const { version } = await rig.stage(planId, 's');
    for (let beat = 0; beat < 6; beat++) {
      rig.time.advance(9000);
      await rig.settle();
      await rig.update(task.executionId);
    }
    const alive = await rig.stage(planId, 's');
    expect(alive).toMatchObject({ state: 'ATTEMPTING', version });
    // Writes in the attempt's name count as well.
    rig.time.advance(9000);
    await rig.settle();
    const attempt = { stageId: 's', attemptIdx: 1, processUid: task.executionId };
    await rig.service.orchestrator.writeNodes(anyCall, {
      workPlanId: planId,
      checks: [checkWrite('c')],
      stages: [],
      requestId: '',
      reason: '',
      attempt,
      expectedPlanVersion: undefined,
      responseView: 'BASIC',
    });
    rig.time.advance(9000);
    await rig.settle();
    expect((await rig.stage(planId, 's')).state).toBe('ATTEMPTING');
    rig.time.advance(1000);
    expect((await final(rig, planId, 's')).attempts[0]?.failure?.reason).toBe('HEARTBEAT_LOST');
  });

  it('runs anew when the server comes back, however long it was away; deadlines stand', async () => {
    const path = join(await scratchFolder(), 'turboci.db');
    const time = manualClock();
    const first = await runnerRig({ path, time });
    await first.register('r');
    const planId = await first.createPlan();
    await first.write(planId, {
      stages: [
        remote('lives', {
          ...beating,
          executionPolicy: policy({ heartbeatTimeoutMs: 10_000, attemptTimeoutMs: 86_400_000 }),
        }),
        remote('late', { executionMode: 'ASYNC', executionPolicy: policy({ ...once, attemptTimeoutMs: 60_000 }) }),
      ],
    });
    await first.call(2);
    const scheduled = async (id: string) => (await first.stage(planId, id)).attempts[0]?.state === 'SCHEDULED';
    await waitFor('both', async () => (await scheduled('lives')) && (await scheduled('late')));
    await first.service.stop();
    await first.storage.close();

    time.advance(3_600_000);
    const second = await runnerRig({ path, time });
    expect((await final(second, planId, 'late')).attempts[0]?.failure?.reason).toBe('TIMEOUT');
    const { attempts } = await second.stage(planId, 'lives');
    expect(attempts[0]?.state).toBe('SCHEDULED');
    expect(await second.load('r')).toBe(1);
    time.advance(9000);
    await second.settle();
    await second.update(attempts[0]?.executionId ?? '', 'still here');
    time.advance(9000);
    await second.settle();
    expect((await second.stage(planId, 'lives')).attempts[0]?.state).toBe('RUNNING');
    await waitFor('the loss', async () => {
      time.advance(200);
      return (await second.stage(planId, 'lives')).attempts.length === 2;
    });
  });
});

describe('the stage_timeout', () => {
  const timed = policy({ stageTimeoutMs: 60_000 });

  it('ends a stage that waits for its dependencies, or for a runner', async () => {
    const rig = await runnerRig();
    const planId = await rig.createPlan();
    await rig.write(planId, {
      checks: [checkWrite('never')],
      stages: [
        remote('planned', { executionPolicy: timed, dependencies: behind('CHECK', 'never') }),
        remote('queued', { executionPolicy: timed }),
      ],
    });
    rig.time.advance(60_000);
    const planned = await final(rig, planId, 'planned');
    const queued = await final(rig, planId, 'queued');
    expect(planned).toMatchObject({ outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT', attempts: [] });
    expect(queued).toMatchObject({ outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT' });
    expect(queued.attempts).toMatchObject([{ state: 'INCOMPLETE', failure: { reason: 'TIMEOUT' } }]);
  });

  it('asks a runner to stop, which may still finish within the grace time', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const planId = await rig.createPlan();
    const stages = ['stubborn', 'quick'].map((id) => remote(id, { executionMode: 'ASYNC', executionPolicy: timed }));
    await rig.write(planId, { stages });
    await rig.call(2);
    await waitFor('both', async () => (await rig.stage(planId, 'quick')).attempts[0]?.state === 'SCHEDULED');
    rig.time.advance(60_000);
    await waitFor('the order to stop', () => rig.calls.cancelled.length === 2);
    const quick = rig.calls.made.find(({ task }) => task.stageId === 'quick')?.task.executionId ?? '';
    expect(await rig.update(quick)).toMatchObject({ cancelRequested: true });
    await rig.complete(quick);
    expect(await final(rig, planId, 'quick')).toMatchObject({
      outcome: 'SUCCEEDED',
      concludedReason: 'ATTEMPT_COMPLETE',
    });
    expect((await rig.stage(planId, 'stubborn')).state).toBe('ATTEMPTING');
    rig.time.advance(10_000);
    const stubborn = await final(rig, planId, 'stubborn');
    expect(stubborn).toMatchObject({ outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT' });
    expect(stubborn.attempts).toMatchObject([{ state: 'INCOMPLETE', failure: { reason: 'TIMEOUT' } }]);
  });

  it('ends the wait for a group with the own outcome of the stage', async () => {
    const rig = await runnerRig();
    const planId = await rig.createPlan();
    const dependencies = behind('CHECK', 'never');
    await rig.write(planId, {
      checks: [checkWrite('never')],
      stages: [
        stageWrite('s', { executionPolicy: timed, continuationGroup: dependencies }),
        stageWrite('failed', { executionPolicy: timed, continuationGroup: dependencies }),
      ],
    });
    await rig.write(planId, {
      stages: [
        stageWrite('s', { currentAttempt: attemptWrite({ state: 'COMPLETE' }) }),
        stageWrite('failed', { state: 'AWAITING_GROUP', failure: { message: 'no', reason: 'X' } }),
      ],
    });
    expect((await rig.stage(planId, 's')).state).toBe('AWAITING_GROUP');
    rig.time.advance(60_000);
    expect(await final(rig, planId, 's')).toMatchObject({ outcome: 'SUCCEEDED', concludedReason: 'STAGE_TIMEOUT' });
    expect(await final(rig, planId, 'failed')).toMatchObject({ outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT' });
  });

  it('allows no retry after it', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const outcome = Promise.withResolvers<ReturnType<typeof answered>>();
    rig.calls.onRun = () => outcome.promise;
    const planId = await oneStage(rig, { executionPolicy: policy({ stageTimeoutMs: 60_000, maxAttempts: 3 }) });
    await rig.call(1);
    rig.time.advance(60_000);
    await waitFor('the order to stop', () => rig.calls.cancelled.length === 1);
    outcome.resolve(answered({ failure: { message: 'interrupted', reason: '' } }));
    const stage = await final(rig, planId, 's');
    expect(stage).toMatchObject({ outcome: 'FAILED', concludedReason: 'STAGE_TIMEOUT' });
    expect(stage.attempts).toMatchObject([{ failure: { message: 'interrupted', reason: 'TIMEOUT' } }]);
  });
});

describe('a timer that fires late', () => {
  it('waits for what runners sent meanwhile, and is not displaced by a later one', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const beating = policy({ ...once, heartbeatTimeoutMs: 10_000 });
    const planId = await oneStage(rig, { executionMode: 'ASYNC', executionPolicy: beating });
    await rig.call(1);
    await waitFor('SCHEDULED', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'SCHEDULED');
    // The loop was held for 5 s: the timer of the heartbeat comes so much too late.
    rig.time.jump(15_000);
    await rig.write(planId, { stages: [remote('later', { executionPolicy: policy({ stageTimeoutMs: 3_600_000 }) })] });
    expect((await rig.stage(planId, 's')).state).toBe('ATTEMPTING');
    rig.time.advance(1000);
    expect((await final(rig, planId, 's')).attempts[0]?.failure?.reason).toBe('HEARTBEAT_LOST');
  });

  it('waits again when it comes late a second time, and not for ever', async () => {
    const rig = await runnerRig();
    await rig.register('r');
    const beating = policy({ ...once, heartbeatTimeoutMs: 10_000, attemptTimeoutMs: 3_600_000 });
    const planId = await oneStage(rig, { executionMode: 'ASYNC', executionPolicy: beating });
    const { task } = await rig.call(1);
    await waitFor('SCHEDULED', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'SCHEDULED');
    for (let held = 0; held < 2; held++) {
      rig.time.jump(15_000);
      await rig.settle();
    }
    const sent = { executionId: task.executionId, message: '', progressPercent: 0, details: undefined };
    await rig.service.orchestrator.updateExecution(anyCall, sent);
    expect((await rig.stage(planId, 's')).state).toBe('ATTEMPTING');
    for (let held = 0; held < 20; held++) rig.time.jump(15_000);
    expect((await final(rig, planId, 's')).attempts[0]?.failure?.reason).toBe('HEARTBEAT_LOST');
  });
});
