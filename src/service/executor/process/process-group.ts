import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { CancelTimer, Clock } from '../../../domain/ports.ts';
import { openLifeline } from './lifeline.ts';
import { requireProgram } from './program-file.ts';
import { cannotStart } from './start-error.ts';
import { tiedCommand } from './tied-command.ts';

export type ProcessSpec = {
  readonly file: string;
  readonly argv: readonly string[];
  /** Undefined = the server's own. */
  readonly cwd: string | undefined;
  readonly env: Record<string, string>;
  /** Nothing (/dev/null), a stream of the group, or a descriptor of the server. */
  readonly stdin: 'ignore' | 'pipe';
  readonly stdout: 'pipe' | number;
  readonly stderr: 'pipe' | number;
};

/** What process groups need of the server. */
export type GroupHost = {
  readonly clock: Clock;
  /** The environment of the helpers that start and watch commands. */
  readonly environment: Record<string, string>;
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
};

/** How the leader of a group ended: with an exit status or by a signal. */
export type ProcessEnd = { readonly exitCode: number | null; readonly signal: string | null };

/** A command and its descendants, as far as they did not leave the process group (setsid, setpgid). */
export type ProcessGroup = {
  /** Of the command; null for what is no pipe. */
  readonly streams: Pick<ChildProcess, 'stdin' | 'stdout' | 'stderr'>;
  /** Resolves when the command itself has ended; descendants may still run. */
  readonly ended: Promise<ProcessEnd>;
  /** SIGTERM to all of the group, and SIGKILL after the grace. May be repeated. */
  terminate(): void;
  /** SIGKILL to what is left, for good: the id may be reused, so no signal is sent afterwards. May be repeated. */
  close(): void;
};

/**
 * Starts a command as the leader of a session and process group of its own, which dies with this process however that
 * ends. To be closed in the end. Rejects with StartError if the command could not be started.
 */
export async function startProcessGroup(spec: ProcessSpec, host: GroupHost): Promise<ProcessGroup> {
  requireProgram(spec);
  try {
    return await startTied(spec, host);
  } catch (error) {
    throw cannotStart(spec.file, error);
  }
}

async function startTied(spec: ProcessSpec, { clock, environment, killGraceMs }: GroupHost): Promise<ProcessGroup> {
  const lifeline = await openLifeline(environment);
  try {
    const child = spawn('/bin/sh', tiedCommand(spec), {
      cwd: spec.cwd,
      env: spec.env,
      stdio: [spec.stdin, spec.stdout, spec.stderr, lifeline.tie],
      detached: true,
    });
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error('a process without an id');
    return { streams: child, ended, ...signalling(child.pid, clock, killGraceMs, lifeline.release) };
  } catch (error) {
    lifeline.release();
    throw error;
  }
}

function signalling(
  id: number,
  clock: Clock,
  killGraceMs: number,
  onClose: () => void,
): Pick<ProcessGroup, 'terminate' | 'close'> {
  let isOver = false;
  let cancelKill: CancelTimer | undefined;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-id, signal);
    } catch {
      // ESRCH: nobody left. EPERM: what is left runs as another user. Nothing more can be done in either case.
    }
  };
  return {
    terminate: () => {
      if (isOver || cancelKill !== undefined) return;
      send('SIGTERM');
      cancelKill = clock.after(killGraceMs, () => send('SIGKILL'));
    },
    close: () => {
      if (isOver) return;
      isOver = true;
      send('SIGKILL');
      cancelKill?.();
      onClose();
    },
  };
}
