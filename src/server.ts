import { type Config, type ConnectionConfig, checkProcessExecutor, defaultConfig } from './config.ts';
import type { Limits } from './domain/limits.ts';
import type { Logger } from './domain/logger.ts';
import type { ExecutionPolicy } from './domain/policy.ts';
import type { Clock } from './domain/ports.ts';
import { createEndpoints } from './endpoint/endpoints.ts';
import { systemClock } from './platform/clock.ts';
import { systemIds } from './platform/ids.ts';
import { createLogger } from './platform/logger.ts';
import { systemRandom } from './platform/random.ts';
import { createOrchestrator, type RunningOrchestrator } from './service/create-orchestrator.ts';
import { createExecutors } from './service/executor/executors.ts';
import { createLogStore } from './service/executor/log-store.ts';
import { openSqliteStorage } from './storage/sqlite/open.ts';
import type { Storage } from './storage/storage.ts';
import { GrpcServer } from './transport/grpc/server.ts';
import { createMethods } from './transport/methods.ts';

/**
 * What a server may be started with. Whatever is left out has the default of its environment variable (see the
 * configuration table in the README); the environment itself is not
 * read, but for what processes of stages inherit. Times in milliseconds, sizes in bytes.
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

/** A server that accepts calls. */
export type RunningServer = {
  /** What clients connect to: `127.0.0.1:50051` or `unix:/path`. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Begins to execute, if the server was started paused. */
  resume(): Promise<void>;
  /**
   * Ends it in order: refuses new calls, ends streams, lets running calls finish, stops commands, closes the database.
   * Takes at most the drain timeout, and a moment for the database. Idempotent.
   */
  stop(): Promise<void>;
};

/**
 * Starts a server in this process; resolves when it accepts calls. `{ sqlitePath: ':memory:', port: 0 }` is one that
 * leaves nothing behind. Rejects, with nothing left open, with ConfigError, StorageOpenError or Node's error of listen.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const config = withDefaults(options);
  checkProcessExecutor(config);
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
  const parts = compose({ config, storage, clock, log });
  try {
    if (!options.paused) await parts.orchestrator.start();
    return await parts.serve();
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

type Composed = { readonly orchestrator: RunningOrchestrator; serve(): Promise<RunningServer>; stop(): Promise<void> };

type Parts = {
  readonly config: Config;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Storage → service → endpoints → transport. */
function compose({ config, storage, clock, log }: Parts): Composed {
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
        logs: createLogStore(config.logDir, limits.processLogBytes),
        environment: config.environment,
        serverAddress: () => address,
      },
    }),
    executorConcurrency: config.executorConcurrency,
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
    orchestrator.drain();
    await grpc.stop(config.drainTimeoutMs);
    await orchestrator.stop();
    await storage.close();
  };
  let ended: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  const serve = async (): Promise<RunningServer> => {
    const port = await grpc.listen(listenOptions(config));
    address = addressOf(config, port);
    return { address, port, stop, resume: () => orchestrator.start() };
  };
  return { orchestrator, serve, stop };
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
    ...defaults,
    ...options,
    policy: { ...defaults.policy, ...options.policy },
    limits: { ...defaults.limits, ...options.limits },
    connections: { ...defaults.connections, ...options.connections },
  };
}

/** Into the process's own handling of errors that nobody expects, which ends it. */
function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
