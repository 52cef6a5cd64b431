import {
  CheckState,
  DependencyCondition,
  ExecutionMode,
  NodeType,
  PredicateType,
} from '../../gen/turboci/v1/common_pb.js';
import { advertisedAddress, callbackAddress } from './address.ts';
import { Verdict } from './answer.ts';
import { CallError } from './client.ts';
import { Clients } from './clients.ts';
import type { OnEvent, RunnerEvent } from './event.ts';
import { Executions } from './executions.ts';
import { ExecutionStopped, type Handler } from './handler.ts';
import { PullLoop } from './pull-loop.ts';
import { Registrar } from './registrar.ts';
import { StageRunnerServer } from './stage-runner-server.ts';
import { machine, type RunnerSystem } from './system.ts';

// The package's interface besides startRunner: what handlers throw and get, and what WriteNodes is written with.
export type { Answer, AttemptFailure, CheckAnswer, Failure } from './answer.ts';
export type { Context, Handler, NodeWrites, ProgressOptions, StopCause } from './handler.ts';
export type { RunnerSystem } from './system.ts';
export type { Task, TaskCheck } from './task.ts';
export type { OnEvent, RunnerEvent };
export {
  CallError,
  CheckState,
  DependencyCondition,
  ExecutionMode,
  ExecutionStopped,
  NodeType,
  PredicateType,
  Verdict,
};

type CommonOptions = {
  /** The server: `HOST:PORT`, or `unix:PATH` for a socket. */
  readonly server: string;
  /** What the runner runs: for each runner type the handler of its stages. At least one. */
  readonly handlers: Readonly<Record<string, Handler>>;
  /** Executions at a time, of all types together; 0 = unlimited. Default 1. */
  readonly maxConcurrent?: number | undefined;
  /** Names the runner. Default: the machine's name, the process id and some random characters. */
  readonly runnerId?: string | undefined;
  /** Shown in lists of runners. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How long the server believes in the runner without hearing of it, 1 s to 24 h. Renewed after a third. Default 60 s. */
  readonly ttlMs?: number | undefined;
  /** Told what happens, for logs. Default: problems become warnings of the process. */
  readonly onEvent?: OnEvent | undefined;
  /** Gives up the start when aborted; without effect on a runner that has started. */
  readonly signal?: AbortSignal | undefined;
  /** Time and randomness, for tests. */
  readonly system?: RunnerSystem | undefined;
};

/** The runner asks the server for work. It needs no port and no name, and may be behind a firewall. */
export type PullOptions = CommonOptions & { readonly mode: 'pull' };

/** The server calls the runner. */
export type ServeOptions = CommonOptions & {
  readonly mode: 'serve';
  /** Where to listen: `HOST:PORT`, port 0 for any that is free, or `unix:PATH`. Default `127.0.0.1:0`. */
  readonly listen?: string | undefined;
  /** Where the server reaches the runner. Default: where it listens, with the machine's name in place of 0.0.0.0 or [::]. */
  readonly advertise?: string | undefined;
  /** In which modes stages are taken. Default both. */
  readonly accepts?: readonly ('SYNC' | 'ASYNC')[] | undefined;
  /**
   * Where ASYNC executions report to, in place of the address that each request names. Default: that address, or
   * `server` if it is none that can be called from here: 0.0.0.0, or the loopback address of another machine.
   */
  readonly callbackAddress?: string | undefined;
};

export type RunnerOptions = PullOptions | ServeOptions;

/** A runner that takes work. */
export type Runner = {
  /** The runner id. */
  readonly id: string;
  /** Where it is called; empty if it pulls. */
  readonly address: string;
  /** The ids of the executions that it has. */
  readonly executionIds: readonly string[];
  /**
   * Stops in order: unregisters and takes nothing more, lets executions end for `graceMs` (default 30 s), aborts the
   * signals of those that are left, waits up to 10 s for them, and reports those without an answer as failures that may
   * be retried. Nothing is left open afterwards. Idempotent; a repeated call may shorten the grace.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
};

const DEFAULT_LISTEN = '127.0.0.1:0';
const DEFAULT_TTL_MS = 60_000;
const LEAST_TTL_MS = 1_000;
const MOST_TTL_MS = 86_400_000;
/** The greatest int32. */
const MOST_CONCURRENT = 2 ** 31 - 1;
const DEFAULT_GRACE_MS = 30_000;

/**
 * Starts a runner: resolves when the server knows it, which may take as long as the server is away. From then on it is
 * registered until it is stopped, whatever happens to the server. Rejects, with nothing left open, when it cannot listen,
 * when the server refuses the registration (CallError), or when `signal` aborts (with its reason); with RangeError for
 * options out of range.
 *
 * @example
 * import { startRunner, Verdict } from 'turboci-lite/runner';
 *
 * const runner = await startRunner({
 *   server: '127.0.0.1:50051',
 *   mode: 'pull',
 *   maxConcurrent: 4,
 *   handlers: {
 *     'unit-tests': async (task, context) => {
 *       if (typeof task.args.suite !== 'string') throw new Verdict('args.suite is missing');
 *       context.progress('running', { percent: 10 });
 *       const { passed, failed } = await runTests(task.args.suite, { signal: context.signal });
 *       const failure = failed === 0 ? undefined : { message: `${failed} tests failed` };
 *       return { checks: task.checks.map(({ id }) => ({ id, data: { passed, failed }, failure })) };
 *     },
 *   },
 * });
 * process.once('SIGTERM', () => void runner.stop());
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const system = options.system ?? machine;
  const { handlers, maxConcurrent = 1, ttlMs = DEFAULT_TTL_MS, metadata = {} } = options;
  const runnerTypes = Object.keys(handlers);
  if (runnerTypes.length === 0) throw new RangeError('handlers: name at least one runner type');
  if (!Number.isInteger(maxConcurrent) || maxConcurrent < 0 || maxConcurrent > MOST_CONCURRENT) {
    throw new RangeError(`maxConcurrent: a number of executions up to ${MOST_CONCURRENT}, or 0 for no limit`);
  }
  if (!(ttlMs >= LEAST_TTL_MS && ttlMs <= MOST_TTL_MS)) {
    throw new RangeError(`ttlMs: between ${LEAST_TTL_MS} and ${MOST_TTL_MS}`);
  }
  const runnerId = options.runnerId ?? `${system.hostname}-${system.pid}-${system.newId().slice(0, 8)}`;
  const onEvent = guarded(options.onEvent ?? warn);
  const serving = options.mode === 'serve' ? options : undefined;
  const modes = (serving?.accepts ?? ['SYNC', 'ASYNC']).map((mode) => ExecutionMode[mode]);

  const clients = new Clients(system);
  const { client, release } = clients.lease(options.server);
  const common = { client, system, onEvent, runnerId, runnerTypes, modes, maxConcurrent };
  const executions = new Executions({ handlers, maxConcurrent, system, onEvent });
  const registrar = new Registrar({ ...common, ttlMs, metadata });
  const parts = { ...common, executions, registrar };
  const reportTo = (named: string): string => serving?.callbackAddress ?? callbackAddress(named, options.server);
  const server = serving && new StageRunnerServer({ ...parts, clients, callbackAddress: reportTo });
  const pulling = serving === undefined ? new PullLoop(parts) : undefined;

  const end = async (graceMs: number): Promise<void> => {
    await Promise.all([executions.stop(graceMs), pulling?.stop(), registrar.stop()]);
    await server?.stop();
    release();
  };
  let address = '';
  try {
    if (server !== undefined) address = await listen(server, serving ?? {}, system);
    await registrar.start(address, options.signal);
    pulling?.start();
  } catch (error) {
    await end(0);
    throw error;
  }
  let ended: Promise<void> | undefined;
  return {
    id: runnerId,
    address,
    get executionIds() {
      return executions.ids;
    },
    stop: async ({ graceMs = DEFAULT_GRACE_MS } = {}) => {
      ended ??= end(graceMs);
      await Promise.all([ended, executions.stop(graceMs)]);
    },
  };
}

async function listen(
  server: StageRunnerServer,
  { listen: where = DEFAULT_LISTEN, advertise }: Pick<ServeOptions, 'listen' | 'advertise'>,
  { hostname }: RunnerSystem,
): Promise<string> {
  try {
    const port = await server.listen(where);
    return advertise ?? advertisedAddress(where, port, hostname);
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    throw new Error(`cannot listen on ${where}${why}`, { cause });
  }
}

/** Nothing that a logger throws gets into the runner's way. */
function guarded(onEvent: OnEvent): OnEvent {
  return (event) => {
    try {
      onEvent(event);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  };
}

/** What becomes of events that nobody asked for: only problems are worth a word. */
function warn(event: RunnerEvent): void {
  if (event.type !== 'problem') return;
  const { message, error, task } = event;
  const where = task === undefined ? '' : ` (stage ${task.stageId} of plan ${task.planId})`;
  const why = error instanceof Error ? `: ${error.message}` : '';
  process.emitWarning(`${message}${where}${why}`, 'RunnerWarning');
}
