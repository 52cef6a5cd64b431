import { expect, test } from 'vitest';
import { ConfigError, checkConfig, configVariables, defaultConfig, loadConfig } from './config.ts';
import { defaultLimits } from './domain/limits.ts';

test('without any variable the defaults of the contract hold', () => {
  const config = loadConfig({});
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 50_051,
    socketPath: undefined,
    httpPort: 8080,
    sqlitePath: 'turboci.db',
    processExecutor: false,
    drainTimeoutMs: 10_000,
    policy: {
      maxAttempts: 3,
      attemptTimeoutMs: 300_000,
      heartbeatTimeoutMs: 0,
      stageTimeoutMs: 0,
      backoffInitialMs: 1000,
      backoffMultiplier: 2,
      backoffMaxMs: 60_000,
    },
  });
  expect(config.limits).toEqual(defaultLimits);
});

test('values are read in the units that operators write', () => {
  const config = loadConfig({
    ATTEMPT_TIMEOUT: '1m30s',
    HEARTBEAT_TIMEOUT: '2s',
    BACKOFF_INITIAL: '250ms',
    BACKOFF_MULTIPLIER: '1.5',
    HTTP_PORT: 'off',
    TURBOCI_LIMIT_MESSAGE_BYTES: '4MiB',
    TURBOCI_LIMIT_JSON_BYTES: '65536',
    TURBOCI_PROCESS_EXECUTOR: 'on',
    TURBOCI_EXECUTOR_CONCURRENCY: '7',
  });
  expect(config.policy).toMatchObject({ attemptTimeoutMs: 90_000, heartbeatTimeoutMs: 2000, backoffMultiplier: 1.5 });
  expect(config.limits).toMatchObject({ messageBytes: 4 * 1024 ** 2, jsonBytes: 65_536 });
  expect(config).toMatchObject({ httpPort: 'off', processExecutor: true, executorConcurrency: 7 });
});

test('a variable that is set to nothing is unset; variables of the command line and of commands are not ours', () => {
  expect(
    loadConfig({ GRPC_PORT: '', TURBOCI_SERVER: 'x', TURBOCI_STAGE_ID: 's', TURBOCI_EXECUTION_ID: 'e' }).port,
  ).toBe(50_051);
});

test.each(['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', '::1'])('with HOST=%s commands may be run', (HOST) => {
  expect(loadConfig({ HOST, TURBOCI_PROCESS_EXECUTOR: 'on' }).processExecutor).toBe(true);
});

test.each(['0.0.0.0', '::', '192.168.1.5', 'ci.example.org', '127.0.0.1.example.org'])(
  'with HOST=%s they may not',
  (HOST) => {
    expect(() => loadConfig({ HOST, TURBOCI_PROCESS_EXECUTOR: 'on' })).toThrow(ConfigError);
    expect(loadConfig({ HOST, GRPC_SOCKET: '/run/x.sock', TURBOCI_PROCESS_EXECUTOR: 'on' }).processExecutor).toBe(true);
  },
);

test.each(['ci.example:50051', '10.0.0.7:1', '[fd00::7]:65535', 'unix:/run/turboci.sock', 'dns:///ci.example:50051'])(
  'runners may be told to report to %s',
  (address) => {
    expect(loadConfig({ CALLBACK_ADDRESS: address }).callbackAddress).toBe(address);
    checkConfig({ ...defaultConfig(), callbackAddress: address });
  },
);

test.each([
  'ci.example',
  'http://ci.example:50051',
  ':50051',
  'ci.example:0',
  'fd00::7:50051',
  'unix:run.sock',
  'a b:1',
])('they may not be told to report to %s', (address) => {
  const given = JSON.stringify(address);
  expect(() => loadConfig({ CALLBACK_ADDRESS: address })).toThrow(`CALLBACK_ADDRESS=${given}: must be HOST:PORT, `);
  expect(() => checkConfig({ ...defaultConfig(), callbackAddress: address })).toThrow(`callbackAddress=${given}: `);
});

test('every variable is documented, and its default is what it has when it is unset', () => {
  const table = configVariables();
  expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
  const { environment: _, ...unset } = loadConfig({});
  const { environment: __, ...spelt } = loadConfig(
    Object.fromEntries(table.map(({ name, default: value }) => [name, value])),
  );
  expect(spelt).toEqual(unset);
  for (const { meaning } of table) expect(meaning.length).toBeGreaterThan(10);
});
