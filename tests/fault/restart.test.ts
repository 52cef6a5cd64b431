import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
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
import { RpcError, refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { watchHealth } from './health.ts';
import { type Env, launch, type Served, serve } from './serve.ts';
import { attemptsOf, createPlan, milliseconds, stageOf } from './stages.ts';

const EXECUTES: Env = { TURBOCI_PROCESS_EXECUTOR: 'on', BACKOFF_INITIAL: '1ms' };
const DRAIN_MS = 10_000;
/** Far below the drain timeout, far above what a process needs to end. */
const AT_ONCE_MS = 4000;

async function databasePath(): Promise<string> {
  return join(await scratchFolder(), 'turboci.db');
}

describe('the order to stop', () => {
  test('SIGTERM: health says NOT_SERVING, watches end, the running call is answered, the exit status is 0', async () => {
    const path = await databasePath();
    const { server, address, api } = await serve(path);
    const workPlanId = await createPlan(api);
    await api.writeNodes({ workPlanId, stages: [{ id: 'slow', runnerType: 'builtin/noop', args: { delay: '1s' } }] });
    const health = watchHealth(address);
    expect((await health.next()).value).toBe('SERVING');
    const watch = api.watchWorkPlan({ workPlanId });
    await watch.opened;
    const running = api.runStage({ workPlanId, stageId: 'slow', wait: true });
    await waitFor('the stage to run', async () => (await stageOf(api, workPlanId, 'slow')).attempts[0]?.startedAt);

    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect((await within('health to change', health.next())).value).toBe('NOT_SERVING');
    expect((await refusal(watch.rest())).code).toBe('UNAVAILABLE');
    const answer = await running.catch((error: unknown) => error);
    if (answer instanceof RpcError) expect(answer.code).toBe('UNAVAILABLE');
    else expect(answer).toMatchObject({ stage: { state: StageState.FINAL } });
    expect(await server.exit).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - askedAt).toBeLessThan(DRAIN_MS);
    expect(findViolations(path)).toEqual([]);
  });

  test('SIGTERM under load: what was acknowledged is there, what was refused is UNAVAILABLE', async () => {
    const path = await databasePath();
    const { server, api } = await serve(path);
    const workPlanId = await createPlan(api);
    const acknowledged: string[] = [];
    const writer = async (name: string): Promise<unknown> => {
      for (let count = 0; ; count++) {
        const id = `${name}-${count}`;
        try {
          await api.writeNodes({ workPlanId, checks: [{ id }, { id: `${id}-twin` }] });
        } catch (error) {
          return error;
        }
        acknowledged.push(id, `${id}-twin`);
        if (acknowledged.length === 400) server.kill('SIGTERM');
      }
    };
    const ends = await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    expect(ends.map((error) => (error instanceof RpcError ? error.code : error))).toEqual(Array(4).fill('UNAVAILABLE'));
    expect((await server.exit).code).toBe(0);

    const again = await serve(path);
    const { checks } = await again.api.queryNodes({ workPlanId });
    const stored = new Set(checks.map(({ id }) => id));
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect(findViolations(path)).toEqual([]);
  });

  test('a second signal ends it at once, and the command that it would have waited for ends too', async () => {
    const folder = await scratchFolder();
    const { server, api } = await serve(join(folder, 'turboci.db'), EXECUTES);
    const workPlanId = await createPlan(api);
    const pidFile = join(folder, 'pid');
    await writeCommand(api, workPlanId, 'stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 1; done`);
    const pid = await commandPid(pidFile);

    server.kill('SIGTERM');
    await waitFor('the drain', () => server.log.some((line) => line.includes('draining')));
    const askedAt = performance.now();
    server.kill('SIGTERM');
    expect((await within('the end', server.exit)).code).toBe(1);
    expect(performance.now() - askedAt).toBeLessThan(AT_ONCE_MS);
    await waitFor('the command to end', () => !isRunning(pid));
  });
});

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

describe('a server that cannot start says why and has an exit status for it', () => {
  test('another server holds the file', async () => {
    const path = await databasePath();
    const { api } = await serve(path);
    const second = await launch(path).exit;
    expect(second).toMatchObject({ code: 75, stderr: expect.stringContaining('in use by another server') });
    expect(second.stderr).toContain(path);
    // The first one is not disturbed.
    await createPlan(api);
  });

  test('a newer release has migrated the file', async () => {
    const path = await databasePath();
    const { server } = await serve(path);
    server.kill('SIGTERM');
    await server.exit;
    const database = new Database(path);
    database.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-from-the-future', '2100-01-01')");
    database.close();
    const newer = await launch(path).exit;
    expect(newer).toMatchObject({ code: 65, stderr: expect.stringContaining('9999-from-the-future') });
    expect(newer.stderr).toContain('upgrade the server');
  });

  test('the file is no database', async () => {
    const path = await databasePath();
    await writeFile(path, 'Dear diary, nothing here is a database. '.repeat(200));
    const content = await readFile(path, 'utf8');
    expect(await launch(path).exit).toMatchObject({ code: 66, stderr: expect.stringContaining(path) });
    expect(await readFile(path, 'utf8')).toBe(content);
  });

  test('the file is the database of another program', async () => {
    const path = await databasePath();
    const database = new Database(path);
    database.exec('CREATE TABLE recipes (name TEXT)');
    database.close();
    expect(await launch(path).exit).toMatchObject({ code: 66, stderr: expect.stringContaining('another program') });
  });

  test('the path is a folder', async () => {
    const path = await databasePath();
    await mkdir(path);
    expect(await launch(path).exit).toMatchObject({ code: 73, stderr: expect.stringContaining(path) });
  });

  test('the folder of the file does not exist', async () => {
    const path = join(await scratchFolder(), 'missing', 'turboci.db');
    expect(await launch(path).exit).toMatchObject({ code: 73, stderr: expect.stringContaining(path) });
  });

  test('the folder cannot be written', async () => {
    // Not even root may create files there.
    const path = '/proc/turboci.db';
    const { code, stderr } = await launch(path, { LOG_DIR: await scratchFolder() }).exit;
    expect([73, 77]).toContain(code);
    expect(stderr).toContain(path);
  });

  test('the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { code, stderr } = await launch(await databasePath(), { GRPC_PORT: port }).exit;
    other.close();
    expect({ code, stderr }).toMatchObject({ code: 69, stderr: expect.stringContaining(port) });
  });

  test.for([
    { GRPC_PORT: 'http' },
    { GRPC_PORT: '70000' },
    { HTTP_PORT: '-1' },
    { MAX_ATTEMPTS: '0' },
    { ATTEMPT_TIMEOUT: 'soon' },
    { LOG_LEVEL: 'loud' },
    { TURBOCI_PROCESS_EXECUTOR: 'maybe' },
    { TURBOCI_NO_SUCH_VARIABLE: '1' },
    { TURBOCI_PROCESS_EXECUTOR: 'on', HOST: '0.0.0.0' },
  ] satisfies Env[])('bad configuration: %o', async (env) => {
    const path = await databasePath();
    const { code, stderr } = await launch(path, env).exit;
    expect(code).toBe(64);
    for (const name of Object.keys(env)) expect(stderr).toContain(name);
    expect(existsSync(path)).toBe(false);
  });
});

function writeCommand(api: Served['api'], workPlanId: string, id: string, command: string, maxAttempts = 2) {
  const stage = { id, runnerType: 'builtin/process', args: { command }, executionPolicy: { maxAttempts } };
  return api.writeNodes({ workPlanId, stages: [stage] });
}

function finalStage(api: Served['api'], workPlanId: string, stageId: string) {
  return waitFor(`stage ${stageId} to be FINAL`, async () => {
    const stage = await stageOf(api, workPlanId, stageId);
    return stage.state === StageState.FINAL && stage;
  });
}

function commandPid(file: string): Promise<number> {
  return waitFor('the command to start', async () => {
    return existsSync(file) && Number.parseInt(await readFile(file, 'utf8'), 10);
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
