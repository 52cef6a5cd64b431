import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { AcceptOutcome } from '../../src/service/execution/runner-calls.ts';
import type { ExecutionAnswer, Executor } from '../../src/service/executor/executor.ts';
import { answered } from '../support/fake-runner-calls.ts';
import { manualClock } from '../support/manual-clock.ts';
import { policy, remote, runnerRig } from '../support/runner-rig.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { stageWrite } from '../support/writes.ts';

/** What a database file holds now, as another file. */
async function backup(from: string, to: string): Promise<void> {
  const database = new Database(from, { readonly: true });
  await database.backup(to);
  database.close();
}

const stopped: ExecutionAnswer = {
  checkUpdates: [],
  details: { tail: 'the last words' },
  failure: { message: 'the command was stopped', reason: 'CANCELLED' },
  verdict: false,
};

function executor(execute: Executor['execute']): Executor {
  return { runnerType: 'builtin/endless', enabled: true, check: () => [], execute };
}

/** Works until it is told to stop. */
const obedient = executor(
  (_task, { signal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(stopped), { once: true })),
);

const timed = stageWrite('s', {
  runnerType: 'builtin/endless',
  executionPolicy: policy({ maxAttempts: 1, attemptTimeoutMs: 60_000, heartbeatTimeoutMs: 1000 }),
});

describe('a builtin attempt that takes too long', () => {
  it('is stopped, and tells what it did', async () => {
    const rig = await runnerRig({ executors: [obedient] });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [timed] });
    await waitFor('RUNNING', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'RUNNING');
    // It owes no heartbeats: it lives and dies with the server.
    rig.time.advance(59_999);
    await rig.settle();
    expect((await rig.stage(planId, 's')).state).toBe('ATTEMPTING');
    rig.time.advance(1);
    const stage = await waitFor('the end', async () => {
      const found = await rig.stage(planId, 's');
      return found.state === 'FINAL' && found;
    });
    expect(stage).toMatchObject({ outcome: 'FAILED', concludedReason: 'NO_RETRIES_LEFT' });
    expect(stage.attempts[0]).toMatchObject({
      details: { tail: 'the last words' },
      failure: { reason: 'TIMEOUT', message: expect.stringContaining('attempt_timeout of 60 s') },
    });
  });

  it('ends after the grace time if it does not let itself be stopped', async () => {
    const end = Promise.withResolvers<ExecutionAnswer>();
    const rig = await runnerRig({ executors: [executor(() => end.promise)] });
    const planId = await rig.createPlan();
    await rig.write(planId, { stages: [timed] });
    await waitFor('RUNNING', async () => (await rig.stage(planId, 's')).attempts[0]?.state === 'RUNNING');
    rig.time.advance(60_000);
    await waitFor('the order to stop', async () => (await rig.stage(planId, 's')).attempts[0]?.cancelBy !== undefined);
    const stage = await waitFor('the end', async () => {
      rig.time.advance(1000);
      const found = await rig.stage(planId, 's');
      return found.state === 'FINAL' && found;
    });
    expect(stage.attempts[0]?.failure?.reason).toBe('TIMEOUT');
    expect(stage.attempts[0]?.endedAt).toBeGreaterThanOrEqual((stage.attempts[0]?.startedAt ?? 0) + 70_000);
    end.resolve(stopped);
  });
});

describe('after the end of a server process', () => {
  it('an offer that nobody answered owes heartbeats', async () => {
    const path = join(await scratchFolder(), 'turboci.db');
    const time = manualClock();
    const first = await runnerRig({ path, time });
    await first.register('r');
    const answer = Promise.withResolvers<AcceptOutcome>();
    first.calls.onRunAsync = () => answer.promise;
    const planId = await first.createPlan();
    const executionPolicy = policy({ maxAttempts: 1, heartbeatTimeoutMs: 5000, attemptTimeoutMs: 21_600_000 });
    await first.write(planId, { stages: [remote('s', { executionMode: 'ASYNC', executionPolicy })] });
    await first.call(1);
    // As after kill -9: the process is never told to stop, and a copy of its database is opened.
    const copy = join(await scratchFolder(), 'turboci.db');
    await backup(path, copy);
    const second = await runnerRig({ path: copy, time });
    expect((await second.stage(planId, 's')).attempts[0]).toMatchObject({ state: 'SCHEDULED' });
    const stage = await waitFor('the loss', async () => {
      time.advance(1000);
      const found = await second.stage(planId, 's');
      return found.state === 'FINAL' && found;
    });
    expect(stage.attempts[0]?.failure?.reason).toBe('HEARTBEAT_LOST');
    answer.resolve({ kind: 'ACCEPTED' });
  });

  it('what it executed or waited for is tried again, what runners hold stands', async () => {
    const path = join(await scratchFolder(), 'turboci.db');
    const time = manualClock();
    const first = await runnerRig({ path, time });
    await first.register('r', { maxConcurrent: 4 });
    await first.register('p', { runnerType: 'pulled', address: '' });
    const planId = await first.createPlan();
    await first.write(planId, {
      stages: [
        remote('sync', { executionPolicy: policy({ backoffInitialMs: 0 }) }),
        remote('async', { executionMode: 'ASYNC' }),
        remote('pulled', { runnerType: 'pulled' }),
      ],
    });
    const [pulled] = await first.acquire('p');
    await first.call(2);
    await waitFor('SCHEDULED', async () => (await first.stage(planId, 'async')).attempts[0]?.state === 'SCHEDULED');
    const asyncId = (await first.stage(planId, 'async')).attempts[0]?.executionId ?? '';
    await first.service.stop();
    await first.storage.close();

    time.advance(200_000);
    const second = await runnerRig({ path, time, idle: true });
    second.calls.onRun = async () => answered();
    await second.service.start();
    // Dispatch goes on at once: the runner is still known although it could not renew for a while.
    await second.call(1);
    const sync = await waitFor('the end', async () => {
      const found = await second.stage(planId, 'sync');
      return found.state === 'FINAL' && found;
    });
    expect(sync.attempts).toMatchObject([
      { state: 'INCOMPLETE', failure: { reason: 'SERVER_RESTART' } },
      { state: 'COMPLETE' },
    ]);
    expect(second.calls.cancelled).toMatchObject([{ address: 'r:1', executionId: sync.attempts[0]?.executionId }]);
    expect(await second.load('r')).toBe(1);
    await second.complete(asyncId);
    // What the runner had acquired is answered to it again.
    expect(await second.acquire('p')).toEqual([pulled]);
    await second.complete(pulled?.executionId ?? '');
    expect((await second.stage(planId, 'async')).attempts).toHaveLength(1);
    expect((await second.stage(planId, 'pulled')).attempts).toHaveLength(1);
    expect(await second.load('r')).toBe(0);
  });
});
