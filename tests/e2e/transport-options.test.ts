import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.js';
import { ConfigError, ListenError, type ServerOptions, StorageOpenError, startServer } from '../../src/server.ts';
import { TestClient } from '../support/client.ts';
import { scratchFolder } from '../support/scratch.ts';

async function start(options: ServerOptions) {
  const server = await startServer({ sqlitePath: ':memory:', port: 0, ...options });
  onTestFinished(() => server.stop());
  const client = new TestClient(server.address);
  onTestFinished(() => client.close());
  return { server, client };
}

test('options that are there without a value have their defaults', async () => {
  // What a project without exactOptionalPropertyTypes may pass.
  const options: ServerOptions = JSON.parse('{}');
  const { server } = await start({ ...options, ...Object.fromEntries([['host', undefined]]), policy: {} });
  expect(server.address).toMatch(/^127\.0\.0\.1:/);
});

test.each([
  [{ port: 70_000 }, /port=70000: must be a port/],
  [{ port: Number.NaN }, /port=.*: must be a port/],
  [{ host: '127.999.0.1' }, /host="127.999.0.1": must be an IP address/],
  [{ socketPath: 'x'.repeat(108) }, /socketPath=.*107 bytes/],
  [{ executorConcurrency: 0 }, /executorConcurrency=0: must be at least 1/],
  [{ requestTimeoutMs: 0 }, /requestTimeoutMs=0: must be more than 0/],
  [{ policy: { maxAttempts: 0.5 } }, /policy.maxAttempts=0.5: must be a whole number/],
  [{ limits: { pageSize: 0 } }, /limits.pageSize=0: must be at least 1/],
  [{ connections: { maxSendBytes: -1 } }, /connections.maxSendBytes=-1: must be at least 1/],
  [{ processExecutor: true, host: '0.0.0.0' }, /TURBOCI_PROCESS_EXECUTOR/],
] satisfies readonly (readonly [ServerOptions, RegExp])[])('%o is a ConfigError', async (options, message) => {
  const started = startServer({ sqlitePath: ':memory:', port: 0, ...options });
  await expect(started).rejects.toThrow(ConfigError);
  await expect(started).rejects.toThrow(message);
});

test('what else can fail has errors of its own', async () => {
  const { server } = await start({});
  await expect(startServer({ sqlitePath: ':memory:', port: server.port })).rejects.toThrow(ListenError);
  const nowhere = join(await scratchFolder(), 'none', 'turboci.db');
  await expect(startServer({ sqlitePath: nowhere, port: 0 })).rejects.toThrow(StorageOpenError);
});

test('health says SERVING once the server executes, not before', async () => {
  const { server, client } = await start({ paused: true });
  const health = async () => (await client.call(Health.method.check, {})).status;
  expect(await health()).toBe(Serving.NOT_SERVING);
  await server.resume();
  expect(await health()).toBe(Serving.SERVING);
});
