import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../../../domain/ports.ts';
import { openOutputPipe } from './output-pipe.ts';
import { type GroupHost, type ProcessEnd, type ProcessGroup, startProcessGroup } from './process-group.ts';

export type CommandSpec = {
  readonly file: string;
  readonly argv: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Record<string, string>;
  /** Undefined = none. */
  readonly timeoutMs: number | undefined;
  /** A free path in a folder of the server's own, for the pipe. */
  readonly pipePath: string;
  /** Ends the command when aborted. */
  readonly signal: AbortSignal;
  /** Takes the output, stdout and stderr in the order written. While it has not resolved no more is read. */
  readonly onOutput: (chunk: Buffer) => Promise<void>;
};

export type CommandEnd = ProcessEnd & {
  readonly durationMs: number;
  /** Why the command was told to stop before it ended. */
  readonly stopped: 'TIMEOUT' | 'CANCELLED' | undefined;
};

/** What running commands needs of the server. */
export type CommandHost = GroupHost & {
  /** How long descendants may hold on to the output after the command itself has ended. */
  readonly drainMs: number;
};

/**
 * Runs a command to its end, and ends what it left running: descendants that hold the output get `drainMs` to finish,
 * then the group is killed. Resolves even if processes that left the group still hold the output. Rejects with
 * StartError if the command could not be started.
 */
export async function runCommand(spec: CommandSpec, host: CommandHost): Promise<CommandEnd> {
  const pipe = await openOutputPipe(spec.pipePath, host.environment);
  try {
    const startedAt = host.clock.now();
    const { writeFd } = pipe;
    const group = await startProcessGroup({ ...spec, stdin: 'ignore', stdout: writeFd, stderr: writeFd }, host);
    pipe.closeWriteEnd();
    try {
      const output = forward(pipe.stream, spec, host.clock);
      const stopped = await endOrStop(group, spec, host.clock);
      const end = await group.ended;
      const durationMs = host.clock.now() - startedAt;
      await finishOutput(output, group, pipe.stream, host);
      return { ...end, durationMs, stopped };
    } finally {
      group.close();
    }
  } finally {
    pipe.closeWriteEnd();
    pipe.stream.destroy();
  }
}

/** Waits for the command's end and makes it come at the timeout or abort; says which of them it was, if any. */
async function endOrStop(group: ProcessGroup, spec: CommandSpec, clock: Clock): Promise<CommandEnd['stopped']> {
  let stopped: CommandEnd['stopped'];
  const stop = (why: CommandEnd['stopped']): void => {
    stopped ??= why;
    group.terminate();
  };
  const onAbort = (): void => stop('CANCELLED');
  const cancelTimer = spec.timeoutMs === undefined ? undefined : clock.after(spec.timeoutMs, () => stop('TIMEOUT'));
  spec.signal.addEventListener('abort', onAbort);
  if (spec.signal.aborted) onAbort();
  await group.ended;
  spec.signal.removeEventListener('abort', onAbort);
  cancelTimer?.();
  return stopped;
}

async function finishOutput(
  output: Promise<Error | undefined>,
  group: ProcessGroup,
  stream: Socket,
  host: CommandHost,
): Promise<void> {
  await settled(output, host.drainMs, host.clock);
  group.close();
  await settled(output, host.drainMs, host.clock);
  stream.destroy();
  const fault = await output;
  if (fault !== undefined) throw fault;
}

/** Between two chunks (64 KiB at most): some 50 MB/s, so that a flood of output leaves the server time for the others. */
const READ_PAUSE_MS = 1;

/** Resolves when there is no more output, with the fault if that is why. */
async function forward(stream: Socket, spec: CommandSpec, clock: Clock): Promise<Error | undefined> {
  try {
    for await (const chunk of stream) {
      await spec.onOutput(chunk);
      await new Promise<void>((resolve) => clock.after(READ_PAUSE_MS, resolve));
    }
    return undefined;
  } catch (error) {
    const fault = error instanceof Error ? error : new Error(String(error));
    // Destroyed by finishOutput: what somebody outside the group still holds is given up.
    return 'code' in fault && fault.code === 'ERR_STREAM_PREMATURE_CLOSE' ? undefined : fault;
  }
}

async function settled(work: Promise<unknown>, withinMs: number, clock: Clock): Promise<void> {
  let cancel: CancelTimer | undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(withinMs, resolve);
  });
  await Promise.race([work, limit]);
  cancel?.();
}
