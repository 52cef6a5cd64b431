import { type Config, ConfigError, type ConnectionConfig, checkConfig, defaultConfig } from './config.ts';
import type { Limits } from './domain/limits.ts';
import type { Logger } from './domain/logger.ts';
import type { ExecutionPolicy } from './domain/policy.ts';
import type { CancelTimer, Clock } from './domain/ports.ts';
import { createEndpoints } from './endpoint/endpoints.ts';
import { systemClock } from './platform/clock.ts';
import { systemIds } from './platform/ids.ts';
import { createLogger } from './platform/logger.ts';
import { assertNodeVersion, NodeVersionError } from './platform/node-version.ts';
import { systemRandom } from './platform/random.ts';
import { createOrchestrator } from './service/create-orchestrator.ts';
import { createExecutors } from './service/executor/executors.ts';
import { createLogStore, type LogStore } from './service/executor/log-store.ts';
import { openSqliteStorage } from './storage/sqlite/open.ts';
import { StorageOpenError } from './storage/sqlite/open-error.ts';
import type { Storage } from './storage/storage.ts';
import { GrpcServer } from './transport/grpc/server.ts';
import { createMethods } from './transport/methods.ts';
import { GrpcRunnerCalls } from './transport/runner/grpc-runner-calls.ts';

// Part of the package's interface: what startServer rejects with.
export { ConfigError, NodeVersionError, StorageOpenError };

/**
 * What a server may be started with. Whatever is left out, or undefined, has the default of its environment variable (see
 * the configuration table in the README); the environment itself is not read, but for what processes of stages inherit.
 * Times in milliseconds, sizes in bytes.
 */
export type ServerOptions = Partial<Omit<Config, 'policy' | 'limits' | 'connections'>> & {
  readonly policy?: Partial<ExecutionPolicy>;
  readonly limits?: Partial<Limits>;
  readonly connections?: Partial<ConnectionConfig>;
  /** Serve, but execute nothing and leave what an earlier process left running as it is, until `resume`. */
  readonly paused?: boolean;
  /** Where to log; by default nowhere, or to standard output when `logLevel` is given. */
  readonly log?: Logger;
  /** Told when the server cannot go on: stop the process. By default the error is thrown where nobody catches it. */
  readonly onFatal?: (error: unknown) => void;
};

/** The server cannot listen where it is told to: the address is in use, not this machine's, or not allowed. */
export class ListenError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ListenError';
  }
}

/** A server that accepts calls. */
export type RunningServer = {
  /** What clients connect to: `127.0.0.1:50051` or `unix:/path`. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Begins to execute, if the server was started paused; health says SERVING from then on. */
  resume(): Promise<void>;
  /**
   * Ends it in order: refuses new calls, ends streams, lets running calls finish, stops commands, closes the database.
   * What is not done after four fifths of the drain timeout is cut; then only the database is to be closed. Idempotent.
   */
  stop(): Promise<void>;
};

/**
 * Starts a server in this process; resolves when it accepts calls and executes. `{ sqlitePath: ':memory:', port: 0 }` is
 * one that leaves nothing behind. Rejects, with nothing left open, with ConfigError, StorageOpenError, ListenError or
 * NodeVersionError. A server that cannot listen has executed nothing.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  assertNodeVersion();
  const config = withDefaults(options);
  checkConfig(config);
  const logs = createLogStore(config.logDir, config.limits.processLogBytes);
  const log = options.log ?? createLogger({ level: options.logLevel ?? 'silent' });
  const clock = systemClock();
  const onFatal = options.onFatal ?? throwUncaught;
  const storage = await openSqliteStorage({
    path: config.sqlitePath,
    clock,
    log,
    writeQueue: config.limits.writeQueue,
    onFatal,
  });
  const parts = compose({ config, storage, logs, clock, log });
  try {
    if (config.processExecutor) await prepareLogs(logs, config.logDir);
    const running = await parts.serve();
    if (config.callbackAddress === undefined && isWildcard(config))
      log.warn({ host: config.host }, NO_CALLBACK_ADDRESS);
    if (!options.paused) await running.resume();
    return running;
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

type Composed = { serve(): Promise<RunningServer>; stop(): Promise<void> };

type Parts = {
  readonly config: Config;
  readonly storage: Storage;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Storage → service → endpoints → transport. */
function compose({ config, storage, logs, clock, log }: Parts): Composed {
  const { limits } = config;
  let address: string | undefined;
  const orchestrator = createOrchestrator({
    storage,
    clock,
    ids: systemIds,
    random: systemRandom,
    limits,
    policyDefaults: config.policy,
    executors: createExecutors({
      clock,
      process: {
        enabled: config.processExecutor,
        logs,
        environment: config.environment,
        serverAddress: () => address,
      },
    }),
    executorConcurrency: config.executorConcurrency,
    runnerCalls: new GrpcRunnerCalls({
      callbackAddress: () => config.callbackAddress ?? address ?? '',
      limits,
      clock,
      log,
    }),
    log,
  });
  const endpoints = createEndpoints({
    orchestrator: orchestrator.orchestrator,
    limits,
    clock,
    ids: systemIds,
    log,
    defaultDeadlineMs: config.requestTimeoutMs,
  });
  const grpc = new GrpcServer({
    methods: createMethods(endpoints),
    limits: { ...config.connections, maxReceiveBytes: limits.messageBytes },
    clock,
    ids: systemIds,
    log,
  });
  const end = async (): Promise<void> => {
    const budgetMs = config.drainTimeoutMs * DRAIN_SHARE;
    orchestrator.drain();
    // At the same time, since commands take their time to stop as well.
    await Promise.all([grpc.stop(budgetMs), atMost(budgetMs, orchestrator.stop(), clock)]);
    await storage.close();
  };
  let ended: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  const serve = async (): Promise<RunningServer> => {
    grpc.announce(false);
    const port = await grpc.listen(listenOptions(config)).catch((error: unknown) => {
      throw listenFault(config, error);
    });
    address = addressOf(config, port);
    const resume = async (): Promise<void> => {
      await orchestrator.start();
      grpc.announce(true);
    };
    return { address, port, stop, resume };
  };
  return { serve, stop };
}

/** The part of the drain timeout after which what still runs is given up; the rest is for the database. */
const DRAIN_SHARE = 0.8;

/** Resolves with the work, or without it when it takes longer. */
async function atMost(limitMs: number, work: Promise<void>, clock: Clock): Promise<void> {
  let cancel: CancelTimer = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(limitMs, resolve);
  });
  await Promise.race([work, limit]).finally(cancel);
}

async function prepareLogs(logs: LogStore, logDir: string): Promise<void> {
  try {
    await logs.prepare();
  } catch (error) {
    throw new ConfigError([`LOG_DIR=${JSON.stringify(logDir)}: ${textOf(error)}; commands of stages need this folder`]);
  }
}

/** What a failure of listen means, with the variables to change. */
function listenFault({ socketPath, host, port }: Config, error: unknown): Error {
  const isUnknownHost = error instanceof Error && 'code' in error && error.code === 'ENOTFOUND';
  if (isUnknownHost) return new ConfigError([`HOST=${JSON.stringify(host)}: there is no such host`]);
  const where =
    socketPath === undefined
      ? `HOST=${JSON.stringify(host)} and GRPC_PORT=${port}`
      : `GRPC_SOCKET=${JSON.stringify(socketPath)}`;
  return new ListenError(`cannot listen with ${where}: ${textOf(error)}`, error);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const NO_CALLBACK_ADDRESS =
  'runners are told to report to the address that the server listens on, which stands for all of its addresses: set CALLBACK_ADDRESS';

/** Whether the server listens on every address, and so names none that others could call. */
function isWildcard({ socketPath, host }: Config): boolean {
  return socketPath === undefined && (host === '0.0.0.0' || host === '::');
}

function listenOptions({ socketPath, host, port }: Config): Parameters<GrpcServer['listen']>[0] {
  return socketPath === undefined ? { kind: 'TCP', host, port } : { kind: 'UNIX', path: socketPath };
}

function addressOf({ socketPath, host }: Config, port: number): string {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function withDefaults(options: ServerOptions): Config {
  const defaults = defaultConfig();
  return {
    ...given(defaults, options),
    policy: given(defaults.policy, options.policy),
    limits: given(defaults.limits, options.limits),
    connections: given(defaults.connections, options.connections),
  };
}

/** The defaults with what is given instead; a key that is there without a value is not given. */
function given<T extends object>(defaults: T, options: object = {}): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
}

/** Into the process's own handling of errors that nobody expects, which ends it. */
function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
