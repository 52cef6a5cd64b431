import type { JsonObject } from '../../domain/json.ts';
import type { Clock } from '../../domain/ports.ts';
import { requireArgs } from './args-reader.ts';
import type { ArgsFault, ExecutionAnswer, ExecutionContext, ExecutionTask, Executor } from './executor.ts';
import type { AttemptLog, LogStore } from './log-store.ts';
import { answerOf, failedAnswer } from './process/answer.ts';
import { type ProcessArgs, readProcessArgs } from './process/args.ts';
import { type CommandEnd, runCommand } from './process/command.ts';
import { commandEnvironment, type Environment, minimalEnvironment } from './process/environment.ts';
import { OutputProgress } from './process/output-progress.ts';
import { StartError } from './process/start-error.ts';
import { Tail } from './process/tail.ts';

/** Output bytes that a result repeats at most (up to three times as many in UTF-8 if they are not valid UTF-8). */
const TAIL_BYTES = 4096;
/** Well below the grace time of a cancellation (10 s). */
const DEFAULT_KILL_GRACE_MS = 5000;
const DEFAULT_DRAIN_MS = 1000;

export type ProcessExecutorOptions = {
  readonly enabled: boolean;
  readonly clock: Clock;
  readonly logs: LogStore;
  /** The server's environment; commands see only a small part of it. */
  readonly environment: Environment;
  /** Where the server's gRPC API is reached, once that is known; commands get it as TURBOCI_SERVER. */
  readonly serverAddress?: () => string | undefined;
  /** Between SIGTERM and SIGKILL; default 5 s. */
  readonly killGraceMs?: number;
  /** How long background processes may hold on to the output after the command has ended; default 1 s. */
  readonly drainMs?: number;
};

/**
 * `builtin/process`: runs a command on the server's machine, as the server's user. Args:
 * - `command`: a list of strings (program and arguments, no shell) or a string for `/bin/sh -c`; required;
 * - `cwd`: working directory, default the server's own;
 * - `env`: an object of strings, added to a minimal environment (see commandEnvironment);
 * - `timeout`: a duration such as `30s`, default none but the attempt's own;
 * - `results`: `on_success` (default), `always` or `never` (see resultModes).
 *
 * Exit status 0 is COMPLETE: every assigned check gets the finalized result `{exit_code, signal, duration_ms, log,
 * tail}` and becomes FINAL. Else the attempt is INCOMPLETE with reason EXECUTOR_FAILURE, TIMEOUT (the command's own
 * timeout) or CANCELLED (aborted). The same fields are the attempt's details in every case; `log_fault` joins them if
 * the log could not be written to its end.
 *
 * The command leads a session and process group of its own. When it ends, is aborted or times out, the group is ended:
 * SIGTERM, SIGKILL after a grace; what a command leaves running does not outlive it. If the server is killed, a watcher
 * kills the group. Processes that leave the group (setsid) escape all of this, and a reboot is the only other cure.
 */
export class ProcessExecutor implements Executor {
  readonly runnerType = 'builtin/process';
  readonly enabled: boolean;
  readonly #options: ProcessExecutorOptions;

  constructor(options: ProcessExecutorOptions) {
    this.enabled = options.enabled;
    this.#options = options;
  }

  check(args: JsonObject): readonly ArgsFault[] {
    return readProcessArgs(args).faults;
  }

  async execute(task: ExecutionTask, context: ExecutionContext): Promise<ExecutionAnswer> {
    const args = requireArgs(readProcessArgs(task.args));
    if (context.signal.aborted) return failedAnswer('stopped before it started', 'CANCELLED');
    const log = await this.#options.logs.open(task);
    try {
      return await this.#run(task, args, log, context);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      await log.write(Buffer.from(`turboci: ${error.message}\n`));
      return failedAnswer(error.message, 'EXECUTOR_FAILURE', { log: log.path });
    } finally {
      await log.close();
    }
  }

  async #run(
    task: ExecutionTask,
    args: ProcessArgs,
    log: AttemptLog,
    context: ExecutionContext,
  ): Promise<ExecutionAnswer> {
    const { environment, serverAddress } = this.#options;
    const tail = new Tail(TAIL_BYTES);
    const progress = new OutputProgress(this.#options.clock, (entry) => context.report(entry));
    const end = await this.#command({
      ...args,
      env: commandEnvironment(environment, args.env, task, serverAddress?.()),
      pipePath: `${log.path}.pipe`,
      signal: context.signal,
      onOutput: async (chunk) => {
        tail.append(chunk);
        progress.add(chunk);
        await log.write(chunk);
      },
    }).finally(() => progress.end());
    const details = detailsOf(end, log, tail);
    return answerOf(end, details, args.results, task.assignedCheckIds);
  }

  #command(spec: Parameters<typeof runCommand>[0]): Promise<CommandEnd> {
    const { clock, environment, killGraceMs, drainMs } = this.#options;
    return runCommand(spec, {
      clock,
      environment: minimalEnvironment(environment),
      killGraceMs: killGraceMs ?? DEFAULT_KILL_GRACE_MS,
      drainMs: drainMs ?? DEFAULT_DRAIN_MS,
    });
  }
}

function detailsOf(end: CommandEnd, log: AttemptLog, tail: Tail): JsonObject {
  const details = {
    exit_code: end.exitCode,
    signal: end.signal,
    duration_ms: end.durationMs,
    log: log.path,
    tail: tail.text(),
  };
  return log.fault === undefined ? details : { ...details, log_fault: log.fault };
}
