import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  ConcludedReason,
  NodeType,
  Outcome,
  StageState,
} from '../../gen/turboci/v1/common_pb.js';
import { findViolations } from '../support/invariants.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { commandPid, EXECUTES, isRunning, writeCommand } from './commands.ts';
import { databasePath, type Served, serve } from './serve.ts';
import { attemptsOf, createPlan, finalStage, milliseconds, stageOf } from './stages.ts';

/** Far below what anything would wait by itself, far above what it needs. */
const AT_ONCE_MS = 4000;

describe('attempts that the end of the server cuts', () => {
  test.for(['SIGKILL', 'SIGTERM'] as const)('%s: INCOMPLETE(SERVER_RESTART), retried by policy', async (signal) => {
    const folder = await scratchFolder();
    const path = join(folder, 'turboci.db');
    const before = await serve(path, EXECUTES);
    const workPlanId = await createPlan(before.api);
    const pidFile = join(folder, 'pid');
    const once = `test -e ${pidFile} && exit 0; echo $$ > ${pidFile}; exec sleep 600`;
    await writeCommand(before.api, workPlanId, 'retried', once);
    await writeCommand(before.api, workPlanId, 'given-up', 'exec sleep 600', 1);
    const pid = await commandPid(pidFile);
    await waitFor('both to run', async () => {
      const stages = await Promise.all(['retried', 'given-up'].map((id) => stageOf(before.api, workPlanId, id)));
      return stages.every(({ attempts }) => attempts[0]?.state === AttemptState.RUNNING);
    });
    before.server.kill(signal);
    expect(await before.server.exit).toMatchObject(signal === 'SIGKILL' ? { signal } : { code: 0 });
    await waitFor('the command to end', () => !isRunning(pid));

    const { api } = await serve(path, EXECUTES);
    const retried = await finalStage(api, workPlanId, 'retried');
    expect(retried.attempts).toMatchObject([
      { idx: 1, state: AttemptState.INCOMPLETE, failure: { reason: 'SERVER_RESTART' } },
      { idx: 2, state: AttemptState.COMPLETE },
    ]);
    expect(retried.outcome).toBe(Outcome.SUCCEEDED);
    const givenUp = await finalStage(api, workPlanId, 'given-up');
    expect(givenUp).toMatchObject({
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.NO_RETRIES_LEFT,
      attempts: [{ idx: 1, state: AttemptState.INCOMPLETE, failure: { reason: 'SERVER_RESTART' } }],
    });
    expect(findViolations(path)).toEqual([]);
  });

  test('kill -9 again and again while a stage runs uses up its attempts and no more', async () => {
    const path = await databasePath();
    const first = await serve(path, EXECUTES);
    const workPlanId = await createPlan(first.api);
    await writeCommand(first.api, workPlanId, 'unlucky', 'exec sleep 600', 3);
    for (let served: Served = first, attempt = 1; attempt <= 3; attempt++) {
      await waitFor(`attempt ${attempt}`, async () => {
        const { attempts } = await stageOf(served.api, workPlanId, 'unlucky');
        return attempts[attempt - 1]?.state === AttemptState.RUNNING;
      });
      served.server.kill('SIGKILL');
      await served.server.exit;
      served = await serve(path, EXECUTES);
      if (attempt < 3) continue;
      const stage = await finalStage(served.api, workPlanId, 'unlucky');
      expect(stage.concludedReason).toBe(ConcludedReason.NO_RETRIES_LEFT);
      expect(stage.attempts.map(({ failure }) => failure?.reason)).toEqual(Array(3).fill('SERVER_RESTART'));
    }
    expect(findViolations(path)).toEqual([]);
  });

  test("an attempt that a writer holds is not the dead process's: it stands", async () => {
    const path = await databasePath();
    const before = await serve(path);
    const workPlanId = await createPlan(before.api);
    const currentAttempt = { processUid: 'writer-1', attemptIdx: 1 };
    await before.api.writeNodes({ workPlanId, stages: [{ id: 'held', currentAttempt }] });
    before.server.kill('SIGKILL');
    await before.server.exit;

    const { api } = await serve(path);
    expect((await stageOf(api, workPlanId, 'held')).attempts).toMatchObject([
      { idx: 1, state: AttemptState.RUNNING, processUid: 'writer-1' },
    ]);
    const complete = { ...currentAttempt, state: AttemptState.COMPLETE };
    const { stages } = await api.writeNodes({ workPlanId, stages: [{ id: 'held', currentAttempt: complete }] });
    expect(stages).toMatchObject([{ state: StageState.FINAL, outcome: Outcome.SUCCEEDED }]);
  });
});

describe('what became due while the server was down', () => {
  test('retries whose backoff has ended start at once, one whose has not waits', async () => {
    const path = await databasePath();
    const before = await serve(path);
    const workPlanId = await createPlan(before.api);
    const policy = (ms: number) => ({ maxAttempts: 2, backoffInitial: milliseconds(ms), backoffMax: milliseconds(ms) });
    const failing = (id: string, backoffMs: number) => ({
      id,
      runnerType: 'builtin/noop',
      args: { fail: 'again' },
      executionPolicy: policy(backoffMs),
    });
    const ids = Array.from({ length: 10 }, (_, index) => `soon-${index}`);
    const stages = [...ids.map((id) => failing(id, 2000)), failing('later', 3_600_000)];
    await before.api.writeNodes({ workPlanId, stages });
    await waitFor('every first attempt to end', async () => {
      const { stages: all } = await before.api.queryNodes({ workPlanId });
      return all.every(({ attempts }) => attempts.length === 2);
    });
    before.server.kill('SIGKILL');
    await before.server.exit;
    const slept = attemptsOf(path).filter(({ stage, state, idx }) => stage !== 'later' && state === 0 && idx === 2);
    expect(slept.length).toBeGreaterThan(0);
    const dueAt = Math.max(...slept.map(({ available_at }) => available_at));
    await waitFor('the backoffs to end', () => Date.now() > dueAt);

    const startedAt = Date.now();
    const { api } = await serve(path);
    for (const { stage } of slept) await finalStage(api, workPlanId, stage);
    expect(Date.now() - startedAt).toBeLessThan(AT_ONCE_MS);
    const later = attemptsOf(path).find(({ stage, idx }) => stage === 'later' && idx === 2);
    expect(later).toMatchObject({ state: 0, started_at: null });
    expect(findViolations(path)).toEqual([]);
  });

  test('a cancelled attempt whose grace has ended is ended', async () => {
    const path = await databasePath();
    const before = await serve(path);
    const workPlanId = await createPlan(before.api);
    await before.api.writeNodes({ workPlanId, stages: [{ id: 'held', currentAttempt: { processUid: 'gone' } }] });
    const { stage } = await before.api.cancelStage({ workPlanId, stageId: 'held', reason: 'enough' });
    expect(stage?.state).toBe(StageState.ATTEMPTING);
    before.server.kill('SIGKILL');
    await before.server.exit;
    // As if the server had been down for longer than the grace time.
    const database = new Database(path);
    database.exec('UPDATE stage_attempts SET cancel_by = cancel_by - 60000, due_at = due_at - 60000');
    database.close();

    const { api } = await serve(path);
    expect(await finalStage(api, workPlanId, 'held')).toMatchObject({
      outcome: Outcome.CANCELLED,
      concludedReason: ConcludedReason.CANCELLED,
      attempts: [{ idx: 1, state: AttemptState.INCOMPLETE, failure: { reason: 'CANCELLED' } }],
    });
    expect(findViolations(path)).toEqual([]);
  });
});

describe('an executor that is switched off since', () => {
  test('attempts that wait for it fail and say so; no command runs', async () => {
    const folder = await scratchFolder();
    const path = join(folder, 'turboci.db');
    const marker = join(folder, 'ran');
    const before = await serve(path, EXECUTES);
    const workPlanId = await createPlan(before.api);
    const args = { command: `touch ${marker}` };
    await before.api.writeNodes({
      workPlanId,
      checks: [{ id: 'gate', state: CheckState.PLANNED }],
      stages: [
        {
          id: 'gated',
          runnerType: 'builtin/process',
          args,
          dependencies: { dependencies: [{ targetType: NodeType.CHECK, targetId: 'gate' }] },
          executionPolicy: { maxAttempts: 1 },
        },
      ],
    });
    before.server.kill('SIGTERM');
    await before.server.exit;

    const { api } = await serve(path);
    await api.writeNodes({ workPlanId, checks: [{ id: 'gate', state: CheckState.FINAL }] });
    const gated = await finalStage(api, workPlanId, 'gated');
    expect(gated.outcome).toBe(Outcome.FAILED);
    expect(gated.attempts[0]?.failure?.message).toContain('builtin/process is switched off');
    expect(existsSync(marker)).toBe(false);
    const refused = await refusal(writeCommand(api, workPlanId, 'new', `touch ${marker}`));
    expect(refused).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'EXECUTOR_DISABLED' });
    expect(findViolations(path)).toEqual([]);
  });
});
