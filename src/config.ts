import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { addressFault, SOCKET_PATH_BYTES } from './domain/address.ts';
import { parseDuration } from './domain/duration.ts';
import { defaultLimits, type Limits } from './domain/limits.ts';
import type { LogLevel } from './domain/logger.ts';
import type { ExecutionPolicy } from './domain/policy.ts';

/** Everything that an operator decides about a server. Times in milliseconds, sizes in bytes. */
export type Config = {
  readonly host: string;
  readonly port: number;
  /** Undefined = TCP. */
  readonly socketPath: string | undefined;
  readonly httpPort: number | 'off';
  /** Where runners report to; undefined = where the server listens. */
  readonly callbackAddress: string | undefined;
  readonly sqlitePath: string;
  readonly logLevel: LogLevel | 'silent';
  readonly logDir: string;
  readonly processExecutor: boolean;
  readonly executorConcurrency: number;
  readonly requestTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly policy: ExecutionPolicy;
  readonly limits: Limits;
  readonly connections: ConnectionConfig;
  /** What the processes of stages may inherit from; they see a small part of it. */
  readonly environment: Environment;
};

/** How connections are kept; 0 = off where it makes sense. */
export type ConnectionConfig = {
  readonly maxSendBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
  readonly maxConnectionIdleMs: number;
};

/** Environment variables, as Node gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration cannot be used; the message has a line for each fault: variable, value and remedy. */
export class ConfigError extends Error {
  constructor(faults: readonly string[]) {
    super(`bad configuration\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** One variable as the documentation shows it. */
export type Variable = { readonly name: string; readonly default: string; readonly meaning: string };

/** A variable read by `schema`, with its default as an operator would write it. */
function variable<T>(schema: z.ZodType<T, string>, defaultText: string, meaning: string) {
  return schema.prefault(defaultText).meta({ default: defaultText, meaning });
}

const text = z.string();

const PORT = 'must be a port from 0 to 65535 (0 = any free port)';
const portNumber = z.int(PORT).min(0, PORT).max(65_535, PORT);
const port = z
  .string()
  .regex(/^\d{1,5}$/, PORT)
  .transform(Number)
  .pipe(portNumber);

const host = text.refine(
  (value) => isIP(value) !== 0 || !/^[\d.]*$/.test(value),
  'must be an IP address or the name of a host',
);

const socketPath = text.refine(
  (value) => Buffer.byteLength(value) <= SOCKET_PATH_BYTES,
  `must have at most ${SOCKET_PATH_BYTES} bytes`,
);

const CALLBACK_FORMS = 'HOST:PORT, [IPV6]:PORT, unix:/PATH or dns:///HOST:PORT';

/** As a runner's address, but with a host: runners are on other machines. */
const callbackAddress = text.check(({ value, issues }) => {
  const wrong = value.startsWith(':') ? `must be ${CALLBACK_FORMS}` : addressFault(value, CALLBACK_FORMS);
  if (value !== '' && wrong !== undefined) issues.push({ code: 'custom', message: wrong, input: value });
});

const onOff = z.enum(['on', 'off'], { error: 'must be on or off' }).transform((value) => value === 'on');

const WHOLE = 'must be a whole number, such as 100';

function whole(least: number) {
  return z.int(WHOLE).min(least, `must be at least ${least}`);
}

function count(least: number) {
  return text
    .regex(/^\d{1,15}$/, WHOLE)
    .transform(Number)
    .pipe(whole(least));
}

const milliseconds = z.number('must be a number of milliseconds').min(0, 'must not be negative');
const positiveMilliseconds = milliseconds.refine((ms) => ms > 0, 'must be more than 0');
const heartbeatMilliseconds = milliseconds.refine((ms) => ms === 0 || ms >= 1000, 'must be 0 (off) or at least 1s');

const duration = z.string().transform((value, ctx) => {
  const ms = value === '0' ? 0 : parseDuration(value);
  if (ms !== undefined) return ms;
  ctx.addIssue({ code: 'custom', message: 'must be a duration, such as 250ms, 30s, 5m or 1h' });
  return z.NEVER;
});

const positiveDuration = duration.pipe(positiveMilliseconds);
const heartbeat = duration.pipe(heartbeatMilliseconds);

const byteUnits = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

const bytes = z.string().transform((value, ctx) => {
  const [, amount, unit] = /^(\d{1,12})(|KiB|MiB|GiB)$/.exec(value) ?? [];
  const size = Number(amount) * (byteUnits.get(unit ?? '') ?? Number.NaN);
  if (size > 0 && size <= 2 ** 31) return size;
  ctx.addIssue({ code: 'custom', message: 'must be a size from 1 to 2GiB, such as 65536, 512KiB or 16MiB' });
  return z.NEVER;
});

const NUMBER = 'must be a number, such as 2 or 1.5';
const factor = z.number(NUMBER).min(1, 'must be at least 1');
const multiplier = text
  .regex(/^\d{1,6}(\.\d{1,6})?$/, NUMBER)
  .transform(Number)
  .pipe(factor);

const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
  error: 'must be trace, debug, info, warn, error, fatal or silent',
});

function limit(key: keyof Limits, least: number, meaning: string) {
  return variable(count(least), String(defaultLimits[key]), meaning);
}

/** Every variable that the server reads. */
const variables = z.object({
  HOST: variable(host, '127.0.0.1', 'Address to listen on. Only loopback unless told otherwise.'),
  GRPC_PORT: variable(port, '50051', 'Port of the gRPC API; 0 = any free port.'),
  GRPC_SOCKET: variable(
    socketPath,
    '',
    'Path of a Unix socket (mode 0600) to listen on instead of HOST and GRPC_PORT.',
  ),
  HTTP_PORT: variable(
    z.union([z.literal('off'), port], {
      error: 'must be off or a port from 0 to 65535 (0 = any free port)',
    }),
    '8080',
    'Port of the HTTP API; 0 = any free port, `off` = not served. Reserved: nothing is served there yet.',
  ),
  CALLBACK_ADDRESS: variable(
    callbackAddress,
    '',
    'Where runners reach this server, HOST:PORT, if they cannot at the address that it listens on.',
  ),
  SQLITE_PATH: variable(text, 'turboci.db', 'Database file; `:memory:` keeps everything in memory.'),
  MAX_ATTEMPTS: variable(count(1), '3', 'Most attempts of a stage whose policy does not say.'),
  ATTEMPT_TIMEOUT: variable(positiveDuration, '5m', 'Longest time of an attempt whose policy does not say.'),
  HEARTBEAT_TIMEOUT: variable(heartbeat, '0', 'Longest silence of an executor whose policy does not say; 0 = off.'),
  STAGE_TIMEOUT: variable(duration, '0', 'Longest time of a stage whose policy does not say; 0 = off.'),
  BACKOFF_INITIAL: variable(duration, '1s', 'Longest wait before the second attempt.'),
  BACKOFF_MULTIPLIER: variable(multiplier, '2', 'Growth of that wait with each further attempt.'),
  BACKOFF_MAX: variable(duration, '1m', 'Limit of that wait.'),
  LOG_LEVEL: variable(logLevel, 'info', 'trace, debug (each call), info, warn, error, fatal or silent.'),
  LOG_DIR: variable(text, 'turboci-logs', 'Folder of the logs of processes that stages run.'),
  TURBOCI_PROCESS_EXECUTOR: variable(
    onOff,
    'off',
    'on = stages may run commands on this machine (`builtin/process`). Only with a loopback HOST or a Unix socket.',
  ),
  TURBOCI_EXECUTOR_CONCURRENCY: variable(
    z.union([z.literal('auto').transform(() => Math.max(4, availableParallelism())), count(1)], {
      error: 'must be auto or a whole number, such as 8',
    }),
    'auto',
    'Builtin executions at the same time; `auto` = the number of CPU cores, at least 4.',
  ),
  REQUEST_TIMEOUT: variable(
    positiveDuration,
    '1m',
    'Deadline of calls that set none. For watches and RunStage it ends when their request has arrived.',
  ),
  DRAIN_TIMEOUT: variable(duration, '10s', 'Longest time between the order to stop and the end.'),
  GRPC_KEEPALIVE_TIME: variable(
    duration,
    '1m',
    'Silence after which a connection is asked for a sign of life; 0 = never.',
  ),
  GRPC_KEEPALIVE_TIMEOUT: variable(positiveDuration, '20s', 'How long that sign may take.'),
  GRPC_MAX_CONNECTION_AGE: variable(duration, '0', 'Age at which a connection is replaced; 0 = never.'),
  GRPC_MAX_CONNECTION_AGE_GRACE: variable(positiveDuration, '1m', 'What calls on such a connection still get.'),
  GRPC_MAX_CONNECTION_IDLE: variable(
    duration,
    '0',
    'Time without calls after which a connection is closed; 0 = never.',
  ),
  GRPC_MAX_STREAMS: variable(count(1), '1000', 'Calls at the same time on one connection.'),
  GRPC_MAX_SEND_BYTES: variable(
    bytes,
    '256MiB',
    'Largest message to send, and the most that answers nobody takes may hold together: then those held longest are given up.',
  ),
  TURBOCI_LIMIT_MESSAGE_BYTES: variable(bytes, '16MiB', 'Largest message to receive, also after decompression.'),
  TURBOCI_LIMIT_NODES_PER_WRITE: limit('nodesPerWrite', 1, 'Nodes in one write.'),
  TURBOCI_LIMIT_NODES_PER_PLAN: limit('nodesPerPlan', 1, 'Nodes of a plan.'),
  TURBOCI_LIMIT_EDGES_PER_NODE: limit('edgesPerNode', 1, 'Edges of a node.'),
  TURBOCI_LIMIT_JSON_BYTES: variable(bytes, '1MiB', 'JSON of a node.'),
  TURBOCI_LIMIT_RESULTS_PER_CHECK: limit('resultsPerCheck', 1, 'Results of a check.'),
  TURBOCI_LIMIT_PROGRESS_PER_ATTEMPT: limit('progressPerAttempt', 1, 'Progress entries of an attempt.'),
  TURBOCI_LIMIT_PROCESS_LOG_BYTES: variable(bytes, '64MiB', 'Log of an attempt that runs a command.'),
  TURBOCI_LIMIT_WATCHERS: limit('watchers', 1, 'Watchers at the same time.'),
  TURBOCI_LIMIT_WATCH_BACKLOG: limit('watchBacklog', 1, 'Events that a live watcher may be behind.'),
  TURBOCI_LIMIT_PAGE_SIZE: limit('pageSize', 1, 'Nodes or plans on a page; larger requests are lowered to it.'),
  TURBOCI_LIMIT_RUNNERS: limit('runners', 1, 'Registrations of runners.'),
  TURBOCI_LIMIT_PULLERS: limit('pullers', 1, 'Calls of runners that wait for work.'),
  TURBOCI_LIMIT_WRITE_QUEUE: limit('writeQueue', 1, 'Writes that wait for their turn.'),
});

/** Variables of our prefix that are not the server's: the command line reads them, and commands of stages get them. */
const NOT_OURS = new Set([
  'TURBOCI_SERVER',
  'TURBOCI_WORK_PLAN_ID',
  'TURBOCI_STAGE_ID',
  'TURBOCI_ATTEMPT_IDX',
  'TURBOCI_EXECUTION_ID',
]);

/** The table of variables for the documentation, in the order in which they are explained. */
export function configVariables(): readonly Variable[] {
  return Object.entries(variables.shape).map(([name, schema]) => {
    const meta = schema.meta();
    return { name, default: String(meta?.default ?? ''), meaning: String(meta?.meaning ?? '') };
  });
}

/**
 * Reads the configuration. A variable that is set to nothing counts as unset. Throws ConfigError that names every fault:
 * bad values, combinations that are not allowed, and unknown variables that begin with TURBOCI_.
 */
export function loadConfig(environment: Environment = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = variables.safeParse(given);
  const faults = [
    ...unknownVariables(Object.keys(given)),
    ...(parsed.error?.issues ?? []).map((issue) => {
      const name = String(issue.path[0]);
      return `${name}=${JSON.stringify(given[name])}: ${issue.message}`;
    }),
  ];
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const config = { ...toConfig(parsed.data), environment };
  checkProcessExecutor(config);
  return config;
}

/** The bounds of a configuration that was not read from variables. */
const values = z.object({
  host: host.min(1, 'must not be empty'),
  port: portNumber,
  socketPath: socketPath.min(1, 'must not be empty').optional(),
  httpPort: z.union([z.literal('off'), portNumber], { error: `must be off or ${PORT.slice('must be '.length)}` }),
  callbackAddress: callbackAddress.min(1, 'must not be empty').optional(),
  sqlitePath: text.min(1, 'must not be empty'),
  logDir: text.min(1, 'must not be empty'),
  logLevel,
  processExecutor: z.boolean('must be true or false'),
  executorConcurrency: whole(1),
  requestTimeoutMs: positiveMilliseconds,
  drainTimeoutMs: milliseconds,
  policy: z.object({
    maxAttempts: whole(1),
    attemptTimeoutMs: positiveMilliseconds,
    heartbeatTimeoutMs: heartbeatMilliseconds,
    stageTimeoutMs: milliseconds,
    backoffInitialMs: milliseconds,
    backoffMultiplier: factor,
    backoffMaxMs: milliseconds,
  }),
  limits: z.record(text, whole(1)),
  connections: z.object({
    maxSendBytes: whole(1),
    maxConcurrentStreams: whole(1),
    keepaliveTimeMs: milliseconds,
    keepaliveTimeoutMs: positiveMilliseconds,
    maxConnectionAgeMs: milliseconds,
    maxConnectionAgeGraceMs: positiveMilliseconds,
    maxConnectionIdleMs: milliseconds,
  }),
});

/** Throws ConfigError that names every value out of bounds by its key, and combinations that are not allowed. */
export function checkConfig(config: Config): void {
  const { error } = values.safeParse(config, { reportInput: true });
  if (error !== undefined) {
    throw new ConfigError(
      error.issues.map(({ path, input, message }) => `${path.join('.')}=${JSON.stringify(input)}: ${message}`),
    );
  }
  checkProcessExecutor(config);
}

/** The configuration without any variable set; processes of stages inherit from this process all the same. */
export function defaultConfig(): Config {
  return { ...loadConfig({}), environment: process.env };
}

function unknownVariables(names: readonly string[]): readonly string[] {
  return names
    .filter((name) => name.startsWith('TURBOCI_') && !Object.hasOwn(variables.shape, name) && !NOT_OURS.has(name))
    .map((name) => `${name}: no such variable; see the configuration table in the README for their names`);
}

/** Throws ConfigError when commands would be run for callers from other machines. */
function checkProcessExecutor({ processExecutor, socketPath, host }: Config): void {
  if (!processExecutor || socketPath !== undefined || isLoopback(host)) return;
  throw new ConfigError([
    `TURBOCI_PROCESS_EXECUTOR="on" with HOST=${JSON.stringify(host)}: whoever reaches that address could run commands ` +
      'here; set HOST=127.0.0.1, use GRPC_SOCKET, or switch the executor off',
  ]);
}

function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function toConfig(read: z.output<typeof variables>): Omit<Config, 'environment'> {
  return {
    host: read.HOST,
    port: read.GRPC_PORT,
    socketPath: read.GRPC_SOCKET === '' ? undefined : read.GRPC_SOCKET,
    httpPort: read.HTTP_PORT,
    callbackAddress: read.CALLBACK_ADDRESS === '' ? undefined : read.CALLBACK_ADDRESS,
    sqlitePath: read.SQLITE_PATH,
    logLevel: read.LOG_LEVEL,
    logDir: read.LOG_DIR,
    processExecutor: read.TURBOCI_PROCESS_EXECUTOR,
    executorConcurrency: read.TURBOCI_EXECUTOR_CONCURRENCY,
    requestTimeoutMs: read.REQUEST_TIMEOUT,
    drainTimeoutMs: read.DRAIN_TIMEOUT,
    policy: {
      maxAttempts: read.MAX_ATTEMPTS,
      attemptTimeoutMs: read.ATTEMPT_TIMEOUT,
      heartbeatTimeoutMs: read.HEARTBEAT_TIMEOUT,
      stageTimeoutMs: read.STAGE_TIMEOUT,
      backoffInitialMs: read.BACKOFF_INITIAL,
      backoffMultiplier: read.BACKOFF_MULTIPLIER,
      backoffMaxMs: read.BACKOFF_MAX,
    },
    limits: toLimits(read),
    connections: {
      maxSendBytes: read.GRPC_MAX_SEND_BYTES,
      maxConcurrentStreams: read.GRPC_MAX_STREAMS,
      keepaliveTimeMs: read.GRPC_KEEPALIVE_TIME,
      keepaliveTimeoutMs: read.GRPC_KEEPALIVE_TIMEOUT,
      maxConnectionAgeMs: read.GRPC_MAX_CONNECTION_AGE,
      maxConnectionAgeGraceMs: read.GRPC_MAX_CONNECTION_AGE_GRACE,
      maxConnectionIdleMs: read.GRPC_MAX_CONNECTION_IDLE,
    },
  };
}

function toLimits(read: z.output<typeof variables>): Limits {
  return {
    ...defaultLimits,
    messageBytes: read.TURBOCI_LIMIT_MESSAGE_BYTES,
    nodesPerWrite: read.TURBOCI_LIMIT_NODES_PER_WRITE,
    nodesPerPlan: read.TURBOCI_LIMIT_NODES_PER_PLAN,
    edgesPerNode: read.TURBOCI_LIMIT_EDGES_PER_NODE,
    jsonBytes: read.TURBOCI_LIMIT_JSON_BYTES,
    resultsPerCheck: read.TURBOCI_LIMIT_RESULTS_PER_CHECK,
    progressPerAttempt: read.TURBOCI_LIMIT_PROGRESS_PER_ATTEMPT,
    processLogBytes: read.TURBOCI_LIMIT_PROCESS_LOG_BYTES,
    watchers: read.TURBOCI_LIMIT_WATCHERS,
    watchBacklog: read.TURBOCI_LIMIT_WATCH_BACKLOG,
    pageSize: read.TURBOCI_LIMIT_PAGE_SIZE,
    runners: read.TURBOCI_LIMIT_RUNNERS,
    pullers: read.TURBOCI_LIMIT_PULLERS,
    writeQueue: read.TURBOCI_LIMIT_WRITE_QUEUE,
  };
}
