import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/domain/error.ts';
import type { ExecutionAnswer, ExecutionTask, Executor } from '../../src/service/executor/executor.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { manualClock } from '../support/manual-clock.ts';
import { scratchFolder } from '../support/scratch.ts';
import { anyCall, serviceRig } from '../support/service-rig.ts';
import { waitFor } from '../support/wait-for.ts';
import { after, attemptWrite, checkWrite, stageWrite } from '../support/writes.ts';

const done: ExecutionAnswer = { checkUpdates: [], details: undefined, failure: undefined, verdict: false };
const failed: ExecutionAnswer = { ...done, failure: { message: 'no', reason: 'EXECUTOR_FAILURE' } };

/** An executor whose tasks are answered by the test. */
function heldExecutor(runnerType = 'builtin/held') {
  const running = new Map<string, (answer: ExecutionAnswer) => void>();
  const started: ExecutionTask[] = [];
  const aborted: string[] = [];
  let most = 0;
  const executor: Executor = {
    runnerType,
    enabled: true,
    check: () => [],
    execute: (task, { signal }) => {
      started.push(task);
      return new Promise((resolve) => {
        const end = (answer: ExecutionAnswer) => {
          running.delete(task.stageId);
          resolve(answer);
        };
        running.set(task.stageId, end);
        most = Math.max(most, running.size);
        const stop = () => {
          aborted.push(task.stageId);
          end(failed);
        };
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      });
    },
  };
  const release = (answer: ExecutionAnswer = done) => {
    for (const end of [...running.values()]) end(answer);
  };
  return { executor, running, started, aborted, release, most: () => most };
}

const held = (id: string) => stageWrite(id, { runnerType: 'builtin/held' });

describe('the dispatcher', () => {
  it('never runs more than its concurrency, and takes plans in turn', async () => {
    const { executor, running, started, release, most } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], concurrency: 3 });
    const [huge, small] = [await rig.createPlan(), await rig.createPlan()];
    await rig.write(huge, { stages: Array.from({ length: 100 }, (_, at) => held(`huge${at}`)) });
    await rig.write(small, { stages: Array.from({ length: 5 }, (_, at) => held(`small${at}`)) });
    for (let turn = 0; turn < 8; turn++) {
      await waitFor('three tasks', () => running.size === 3);
      release();
    }
    await waitFor('all of the small plan', () => started.filter((task) => task.planId === small).length === 5);
    const last = started.findLastIndex((task) => task.planId === small);
    expect(last).toBeLessThan(20);
    expect(most()).toBe(3);
    while (started.length < 105 || running.size > 0) {
      release();
      await waitFor('the next tasks', () => running.size > 0 || started.length === 105);
    }
    expect(new Set(started.map((task) => `${task.planId}:${task.stageId}`)).size).toBe(105);
    expect(most()).toBe(3);
  });

  it('starts a stage when its dependencies end, and a retry when its backoff is over', async () => {
    const clock = manualClock();
    const { executor, started, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], clock });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [held('a'), { ...held('b'), dependencies: after('STAGE', 'a') }] });
    await waitFor('a', () => running.size === 1);
    release(failed);
    await waitFor('the retry', async () => (await rig.stage(planId, 'a')).attempts.length === 2);
    expect((await rig.stage(planId, 'a')).attempts[1]?.availableAt).toBe(clock.now() + 500);
    clock.advance(499);
    expect(running.size).toBe(0);
    clock.advance(1);
    await waitFor('a again', () => running.size === 1);
    release();
    await waitFor('b', () => started.at(-1)?.stageId === 'b');
    release();
    await waitFor('the end', async () => (await rig.stage(planId, 'b')).state === 'FINAL');
    expect(started.map((task) => `${task.stageId}${task.attemptIdx}`)).toEqual(['a1', 'a2', 'b1']);
  });

  it('remembers the end of a backoff that begins in the same write as other work', async () => {
    const clock = manualClock();
    const { executor, running, started, release } = heldExecutor();
    // One place: b cannot be handed out by the write itself, it has to be told of.
    const rig = await serviceRig({ executors: [executor], clock, concurrency: 1 });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [held('a')] });
    await waitFor('a', () => running.size === 1);
    const failure = { message: 'no', reason: '', occurredAt: undefined };
    await rig.write(planId, {
      stages: [stageWrite('a', { currentAttempt: attemptWrite({ failure }) }), held('b')],
    });
    await waitFor('b', () => started.at(-1)?.stageId === 'b');
    release();
    await waitFor('the end of b', async () => (await rig.stage(planId, 'b')).state === 'FINAL');
    clock.advance(500);
    await waitFor('a again', () => running.has('a') && started.at(-1)?.attemptIdx === 2);
  });

  it('does not begin after it was stopped, though it was never started', async () => {
    const { executor, started } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], idle: true });
    await rig.write(await rig.createPlan(), { stages: [held('a')] });
    await rig.service.stop();
    await expect(rig.service.start()).rejects.toMatchObject({ reason: 'DRAINING' });
    expect(started).toEqual([]);
  });

  it('leaves an attempt to the writer that holds it over a restart', async () => {
    const { executor } = heldExecutor();
    const path = join(await scratchFolder(), 'turboci.db');
    const first = await serviceRig({ executors: [executor], path, idle: true });
    const planId = await first.createPlan();
    await first.write(planId, { stages: [{ ...held('a'), currentAttempt: attemptWrite({ processUid: 'writer' }) }] });
    await first.storage.close();
    const second = await serviceRig({ executors: [executor], path });
    const { attempts } = await second.stage(planId, 'a');
    expect(attempts.map(({ state, processUid }) => [state, processUid])).toEqual([['RUNNING', 'writer']]);
  });

  it('tells an executor to stop when its stage is cancelled, even right after the claim', async () => {
    const { executor, aborted } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], concurrency: 50 });
    const planId = await rig.createPlan();
    const ids = Array.from({ length: 50 }, (_, at) => `s${at}`);
    const written = rig.write(planId, { stages: ids.map(held) });
    await written;
    await rig.service.orchestrator.cancelWorkPlan(anyCall, { id: planId, reason: 'enough' });
    await waitFor('the end', async () => {
      const plan = await rig.service.orchestrator.getWorkPlan(anyCall, { id: planId });
      return plan.counts.stages.FINAL === 50;
    });
    const stages = await Promise.all(ids.map((id) => rig.stage(planId, id)));
    for (const stage of stages) expect([stage.outcome, stage.attempts.length]).toEqual(['CANCELLED', 1]);
    const claimed = stages.filter((stage) => stage.attempts[0]?.executionId !== undefined);
    expect(aborted.toSorted()).toEqual(claimed.map((stage) => stage.id).toSorted());
  });

  it('counts a COMPLETE within the grace, and ends what does not stop when the grace is over', async () => {
    const clock = manualClock();
    const deaf: Executor[] = ['builtin/late', 'builtin/deaf'].map((runnerType) => ({
      runnerType,
      enabled: true,
      check: () => [],
      execute: () => new Promise<ExecutionAnswer>((resolve) => answers.set(runnerType, resolve)),
    }));
    const answers = new Map<string, (answer: ExecutionAnswer) => void>();
    const rig = await serviceRig({ executors: deaf, clock });
    const planId = await rig.createPlan();
    await rig.write(planId, {
      stages: deaf.map(({ runnerType }) => stageWrite(runnerType, { runnerType })),
    });
    await waitFor('both', () => answers.size === 2);
    await rig.service.orchestrator.cancelWorkPlan(anyCall, { id: planId, reason: '' });
    clock.advance(9999);
    answers.get('builtin/late')?.(done);
    await waitFor('the late one', async () => (await rig.stage(planId, 'builtin/late')).state === 'FINAL');
    expect(await rig.stage(planId, 'builtin/late')).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await rig.stage(planId, 'builtin/deaf')).toMatchObject({ state: 'ATTEMPTING' });
    clock.advance(1);
    await waitFor('the deaf one', async () => (await rig.stage(planId, 'builtin/deaf')).state === 'FINAL');
    const stage = await rig.stage(planId, 'builtin/deaf');
    expect(stage).toMatchObject({
      outcome: 'CANCELLED',
      attempts: [{ state: 'INCOMPLETE', failure: { reason: 'CANCELLED' } }],
    });
    answers.get('builtin/deaf')?.(done);
    await rig.service.stop();
    expect((await rig.stage(planId, 'builtin/deaf')).version).toBe(stage.version);
  });
});

describe('an answer', () => {
  it('that updates a FINAL check skips it with a note, and applies the rest', async () => {
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor] });
    const planId = await rig.createPlan();
    await rig.write(planId, {
      checks: ['ended', 'open'].map((id) => checkWrite(id, { state: 'PLANNED' })),
      stages: [held('s')],
    });
    await waitFor('the task', () => running.size === 1);
    await rig.write(planId, { checks: [checkWrite('ended', { state: 'FINAL' })] });
    const update = { state: 'FINAL', data: { found: 1 }, finalize: true, failure: undefined } as const;
    release({ ...done, checkUpdates: ['ended', 'open'].map((checkId) => ({ ...update, checkId })) });
    await waitFor('the end', async () => (await rig.stage(planId, 's')).state === 'FINAL');
    expect((await rig.check(planId, 'ended')).results).toEqual([]);
    expect(await rig.check(planId, 'open')).toMatchObject({
      outcome: 'SUCCEEDED',
      results: [{ ownerId: 's:1', data: { found: 1 } }],
    });
    const [attempt] = (await rig.stage(planId, 's')).attempts;
    expect(attempt?.progress.map(({ message }) => message)).toEqual([expect.stringContaining('CHECK_ALREADY_FINAL')]);
  });

  it('that leads to a retry leaves results of its attempt and moves no check; they do not count later', async () => {
    const clock = manualClock();
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], clock });
    const planId = await rig.createPlan();
    await rig.write(planId, { checks: [checkWrite('c', { state: 'PLANNED' })], stages: [held('s')] });
    await waitFor('the task', () => running.size === 1);
    const failure = { message: 'red', reason: 'X' };
    release({
      ...failed,
      checkUpdates: [{ checkId: 'c', state: 'FINAL', data: { red: 1 }, finalize: false, failure }],
    });
    await waitFor('the retry', async () => (await rig.stage(planId, 's')).attempts.length === 2);
    expect(await rig.check(planId, 'c')).toMatchObject({
      state: 'WAITING',
      results: [{ ownerId: 's:1', failure, finalizedAt: clock.now() }],
    });
    clock.advance(1000);
    await waitFor('the second task', () => running.size === 1);
    release({
      ...done,
      checkUpdates: [{ checkId: 'c', state: 'FINAL', data: { red: 0 }, finalize: true, failure: undefined }],
    });
    await waitFor('the end', async () => (await rig.check(planId, 'c')).state === 'FINAL');
    expect(await rig.check(planId, 'c')).toMatchObject({
      outcome: 'SUCCEEDED',
      results: [{ ownerId: 's:1' }, { ownerId: 's:2' }],
    });
  });

  it('that names an unknown check is refused as a whole: RUNNER_ERROR, by policy', async () => {
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], clock: manualClock() });
    const planId = await rig.createPlan();
    await rig.write(planId, { checks: [checkWrite('c', { state: 'PLANNED' })], stages: [held('s')] });
    await waitFor('the task', () => running.size === 1);
    const update = { state: undefined, data: { x: 1 }, finalize: false, failure: undefined };
    release({ ...done, checkUpdates: ['c', 'nowhere'].map((checkId) => ({ ...update, checkId })) });
    await waitFor('the retry', async () => (await rig.stage(planId, 's')).attempts.length === 2);
    expect((await rig.stage(planId, 's')).attempts[0]).toMatchObject({
      state: 'INCOMPLETE',
      failure: { reason: 'RUNNER_ERROR' },
    });
    expect((await rig.check(planId, 'c')).results).toEqual([]);
  });

  it.each([
    ['data that is too large', { state: 'FINAL', data: { text: 'x'.repeat(1024 * 1024) } }, 'bytes as JSON'],
    ['WAITING while dependencies are open', { state: 'WAITING', data: undefined }, 'dependencies are not satisfied'],
    ['a result that the check does not take yet', { state: undefined, data: { x: 1 } }, 'takes no result'],
  ] as const)('with %s is refused as a whole', async (_name, change, words) => {
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], clock: manualClock() });
    const planId = await rig.createPlan();
    const dependencies = after('STAGE', 'never');
    await rig.write(planId, {
      checks: [checkWrite('c', { state: 'PLANNED', dependencies })],
      stages: [held('s'), stageWrite('never')],
    });
    await waitFor('the task', () => running.size === 1);
    release({ ...done, checkUpdates: [{ checkId: 'c', finalize: false, failure: undefined, ...change }] });
    await waitFor('the retry', async () => (await rig.stage(planId, 's')).attempts.length === 2);
    const [attempt] = (await rig.stage(planId, 's')).attempts;
    expect(attempt?.failure).toMatchObject({ reason: 'RUNNER_ERROR', message: expect.stringContaining(words) });
    expect(await rig.check(planId, 'c')).toMatchObject({ state: 'PLANNED', results: [] });
  });

  it('may hold the result of a check that the end of its own stage brings to WAITING', async () => {
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor] });
    const planId = await rig.createPlan();
    const assignments = [{ targetCheckId: 'c', goalState: 'FINAL' as const }];
    await rig.write(planId, { checks: [checkWrite('c')], stages: [{ ...held('s'), assignments }] });
    await waitFor('the task', () => running.size === 1);
    release({
      ...done,
      checkUpdates: [{ checkId: 'c', state: undefined, data: { x: 1 }, finalize: false, failure: undefined }],
    });
    await waitFor('the end', async () => (await rig.check(planId, 'c')).state === 'FINAL');
    const check = await rig.check(planId, 'c');
    expect(check).toMatchObject({ outcome: 'SUCCEEDED', results: [{ ownerId: 's:1', data: { x: 1 } }] });
    expect(check.results[0]?.finalizedAt).toBeDefined();
  });

  it('is stored as soon as the storage takes it again', async () => {
    let isBroken = false;
    let refused = 0;
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      read: (work) => storage.read(work),
      close: () => storage.close(),
      write: (work, options) => {
        if (!isBroken) return storage.write(work, options);
        refused += 1;
        return Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'disk full'));
      },
    });
    const { executor, running, release } = heldExecutor();
    const rig = await serviceRig({ executors: [executor], wrap });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [held('s')] });
    await waitFor('the task', () => running.size === 1);
    isBroken = true;
    release();
    await waitFor('refusals', () => refused >= 2);
    isBroken = false;
    await waitFor('the end', async () => (await rig.stage(planId, 's')).state === 'FINAL');
    expect(await rig.stage(planId, 's')).toMatchObject({ outcome: 'SUCCEEDED', attempts: [{ idx: 1 }] });
  });
});
