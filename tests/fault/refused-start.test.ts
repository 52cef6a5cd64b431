import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { databasePath, type Env, launch, serve } from './serve.ts';
import { attemptsOf, createPlan } from './stages.ts';

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
    expect(existsSync(`${path}.lock`)).toBe(false);
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

  test('the port is in use: nothing was executed meanwhile', async () => {
    const path = await databasePath();
    const { server, api } = await serve(path);
    const workPlanId = await createPlan(api);
    // Waits for ever; each start would end it as cut by a restart and begin the next attempt.
    await api.writeNodes({
      workPlanId,
      stages: [{ id: 'waits', runnerType: 'builtin/noop', args: { delay: '1h' }, executionPolicy: { maxAttempts: 3 } }],
    });
    await waitFor('the attempt to run', () => attemptsOf(path)[0]?.started_at);
    server.kill('SIGKILL');
    await server.exit;
    const before = attemptsOf(path);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const GRPC_PORT = typeof address === 'object' ? String(address?.port) : '';
    for (let start = 0; start < 2; start++) expect((await launch(path, { GRPC_PORT }).exit).code).toBe(69);
    other.close();
    expect(attemptsOf(path)).toEqual(before);
  });

  test('the file has a second name, by which another server might use it', async () => {
    const path = await databasePath();
    const { api } = await serve(path);
    await link(path, `${path}.hard`);
    const second = await launch(`${path}.hard`).exit;
    expect(second).toMatchObject({ code: 73, stderr: expect.stringContaining('hard links') });
    await createPlan(api);
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
