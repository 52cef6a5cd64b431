import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TestClient, turboci } from '../support/client.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { ServerProcess } from '../support/server-process.ts';
import { within } from '../support/wait-for.ts';

function connect(address: string) {
  const client = new TestClient(address);
  onTestFinished(() => client.close());
  return turboci(client);
}

/** The environment of a server on a database of its own. */
async function ownDatabase(): Promise<{ readonly SQLITE_PATH: string; readonly folder: string }> {
  const folder = await scratchFolder();
  return { SQLITE_PATH: join(folder, 'turboci.db'), folder };
}

test('it logs one line with its address when it serves; SIGTERM ends it with status 0', async () => {
  const { SQLITE_PATH } = await ownDatabase();
  const server = new ServerProcess({ SQLITE_PATH });
  const address = await within('the address', server.serving);
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(server.log).toHaveLength(1);
  const { workPlan } = await connect(address).createWorkPlan({ metadata: { branch: 'main' } });
  server.kill('SIGTERM');
  expect(await within('the end', server.exit)).toMatchObject({ code: 0, signal: null, stderr: '' });

  const again = new ServerProcess({ SQLITE_PATH });
  const found = await connect(await again.serving).getWorkPlan({ id: workPlan?.id ?? '' });
  expect(found.workPlan?.metadata).toEqual({ branch: 'main' });
  again.kill('SIGINT');
  expect((await within('the end', again.exit)).code).toBe(0);
});

test('on a Unix socket', async () => {
  const { SQLITE_PATH, folder } = await ownDatabase();
  const GRPC_SOCKET = join(folder, 'turboci.sock');
  const server = new ServerProcess({ SQLITE_PATH, GRPC_SOCKET, TURBOCI_PROCESS_EXECUTOR: 'on' });
  expect(await within('the address', server.serving)).toBe(`unix:${GRPC_SOCKET}`);
  expect((await stat(GRPC_SOCKET)).mode & 0o777).toBe(0o600);
  expect((await connect(`unix:${GRPC_SOCKET}`).createWorkPlan({})).workPlan?.id).toBeTruthy();
});

test('a socket that a killed server left behind is taken over', async () => {
  const { SQLITE_PATH, folder } = await ownDatabase();
  const GRPC_SOCKET = join(folder, 'turboci.sock');
  const killed = new ServerProcess({ SQLITE_PATH, GRPC_SOCKET });
  await within('the first server', killed.serving);
  killed.kill('SIGKILL');
  await killed.exit;
  expect((await stat(GRPC_SOCKET)).isSocket()).toBe(true);
  const next = new ServerProcess({ SQLITE_PATH, GRPC_SOCKET });
  await within('the second server', next.serving);
});

test('SIGTERM ends watches with UNAVAILABLE, at once', async () => {
  const server = new ServerProcess({ SQLITE_PATH: ':memory:' });
  const client = connect(await server.serving);
  const { workPlan } = await client.createWorkPlan({});
  const watch = client.watchWorkPlan({ workPlanId: workPlan?.id ?? '' });
  const watched = refusal(watch.rest());
  await within('the watch', watch.opened);
  server.kill('SIGTERM');
  const error = await within('the end of the watch', watched);
  expect([error.code, error.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
  expect((await within('the end', server.exit)).code).toBe(0);
});

test.each([
  ['GRPC_PORT', 'abc', /GRPC_PORT="abc": must be a port from 0 to 65535/],
  ['GRPC_PORT', '65536', /GRPC_PORT="65536": must be a port/],
  ['HTTP_PORT', 'none', /HTTP_PORT="none": must be off or a port/],
  ['HOST', '256.1.1.1', /HOST="256.1.1.1": must be an IP address or the name/],
  ['HOST', '127.999.0.1', /HOST="127.999.0.1": must be an IP address or the name/],
  ['GRPC_SOCKET', 'x'.repeat(108), /GRPC_SOCKET="x+": must have at most 107 bytes/],
  ['MAX_ATTEMPTS', '0', /MAX_ATTEMPTS="0": must be at least 1/],
  ['ATTEMPT_TIMEOUT', '5', /ATTEMPT_TIMEOUT="5": must be a duration, such as/],
  ['HEARTBEAT_TIMEOUT', '10ms', /HEARTBEAT_TIMEOUT="10ms": must be 0 \(off\) or at least 1s/],
  ['BACKOFF_MULTIPLIER', '0.5', /BACKOFF_MULTIPLIER="0.5": must be at least 1/],
  ['LOG_LEVEL', 'loud', /LOG_LEVEL="loud": must be trace, debug/],
  ['TURBOCI_PROCESS_EXECUTOR', 'yes', /TURBOCI_PROCESS_EXECUTOR="yes": must be on or off/],
  ['TURBOCI_LIMIT_MESSAGE_BYTES', '5GB', /TURBOCI_LIMIT_MESSAGE_BYTES="5GB": must be a size/],
  ['TURBOCI_PROCES_EXECUTOR', 'on', /TURBOCI_PROCES_EXECUTOR: no such variable/],
])('%s=%s is refused with status 64', async (name, value, message) => {
  const server = new ServerProcess({ SQLITE_PATH: ':memory:', [name]: value });
  const { code, stderr } = await within('the end', server.exit);
  expect(code).toBe(64);
  expect(stderr).toMatch(message);
});

test('all faults are named at once', async () => {
  const server = new ServerProcess({ GRPC_PORT: 'x', MAX_ATTEMPTS: 'y', TURBOCI_Z: '1' });
  const { stderr } = await within('the end', server.exit);
  expect(stderr).toMatch(/TURBOCI_Z.*GRPC_PORT.*MAX_ATTEMPTS/s);
});

test('commands of callers from other machines are refused with status 64', async () => {
  const server = new ServerProcess({ SQLITE_PATH: ':memory:', HOST: '0.0.0.0', TURBOCI_PROCESS_EXECUTOR: 'on' });
  const { code, stderr } = await within('the end', server.exit);
  expect(code).toBe(64);
  expect(stderr).toMatch(/TURBOCI_PROCESS_EXECUTOR="on" with HOST="0.0.0.0".*HOST=127.0.0.1/);
});

test('an address in use is status 69', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const server = new ServerProcess({ SQLITE_PATH: ':memory:', GRPC_PORT: String(port) });
  const { code, stderr } = await within('the end', server.exit);
  expect(code).toBe(69);
  expect(stderr).toContain(String(port));
});

test.each([
  // Documentation only (RFC 5737): no machine has it.
  [{ HOST: '192.0.2.1' }, 69],
  [{ GRPC_SOCKET: '/nonexistent/turboci.sock' }, 69],
  // Never resolved (RFC 6761); without any name server the system says "try again" instead.
  [{ HOST: 'no.such.host.invalid' }, 64],
])('%o cannot be listened on: the variable is named, without a stack', async (env, status) => {
  const server = new ServerProcess({ SQLITE_PATH: ':memory:', ...env });
  const { code, stderr } = await within('the end', server.exit);
  expect(stderr).toMatch(new RegExp(`${Object.keys(env)[0]}="${Object.values(env)[0]}"`));
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(stderr.includes('EAI_AGAIN') ? 69 : status);
});

test('a folder for logs that cannot be made is status 64 where commands are run, and does not matter elsewhere', async () => {
  const env = { SQLITE_PATH: ':memory:', LOG_DIR: '/proc/nope' };
  const refused = await within('the end', new ServerProcess({ ...env, TURBOCI_PROCESS_EXECUTOR: 'on' }).exit);
  expect(refused).toMatchObject({ code: 64, stderr: expect.stringContaining('LOG_DIR="/proc/nope"') });
  await within('the address', new ServerProcess(env).serving);
});

test('a database in use is status 75', async () => {
  const { SQLITE_PATH } = await ownDatabase();
  const first = new ServerProcess({ SQLITE_PATH });
  await within('the first server', first.serving);
  const second = new ServerProcess({ SQLITE_PATH });
  expect((await within('the end of the second', second.exit)).code).toBe(75);
});
