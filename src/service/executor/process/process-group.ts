import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import type { CancelTimer, Clock } from '../../../domain/ports.ts';

/** A command that could not be started; the message says why, to the user. */
export class StartError extends Error {}

export type ProcessSpec = {
  readonly file: string;
  readonly argv: readonly string[];
  /** Undefined = the server's own. */
  readonly cwd: string | undefined;
  readonly env: Record<string, string>;
  /** Where stdout and stderr go. */
  readonly outputFd: number;
};

/** How the leader of a group ended: with an exit status or by a signal. */
export type ProcessEnd = { readonly exitCode: number | null; readonly signal: string | null };

/** A command and its descendants, as far as they did not leave the process group (setsid, setpgid). */
export type ProcessGroup = {
  readonly id: number;
  /** Resolves when the command itself has ended; descendants may still run. */
  readonly ended: Promise<ProcessEnd>;
  /** SIGTERM to all of the group, and SIGKILL after the grace. May be repeated. */
  terminate(): void;
  /** SIGKILL to what is left, for good: the id may be reused, so no signal is sent afterwards. */
  close(): void;
};

/** Starts a command as the leader of a session and process group of its own, with /dev/null as stdin. */
export async function startProcessGroup(spec: ProcessSpec, clock: Clock, killGraceMs: number): Promise<ProcessGroup> {
  await requireDirectory(spec.cwd);
  try {
    const child = spawn(spec.file, spec.argv, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['ignore', spec.outputFd, spec.outputFd],
      detached: true,
    });
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error('a process without an id');
    return { id: child.pid, ended, ...signalling(child.pid, clock, killGraceMs) };
  } catch (error) {
    throw new StartError(`cannot start ${quoted(spec.file)}: ${reasonOf(error)}`, { cause: error });
  }
}

function signalling(id: number, clock: Clock, killGraceMs: number): Pick<ProcessGroup, 'terminate' | 'close'> {
  let isOver = false;
  let cancelKill: CancelTimer | undefined;
  const send = (signal: NodeJS.Signals): void => {
    if (isOver) return;
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
      send('SIGKILL');
      isOver = true;
      cancelKill?.();
    },
  };
}

/** A missing working directory would be reported by the system as a missing command. */
async function requireDirectory(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) throw new StartError(`the working directory ${quoted(path)} is not there`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text);
}

const reasons = new Map([
  ['ENOENT', 'command not found'],
  ['EACCES', 'permission denied'],
  ['E2BIG', 'its arguments and environment are too long'],
  ['ENOEXEC', 'not an executable format'],
]);

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const reason = reasons.get(code);
  return reason === undefined ? error.message : `${reason} (${code})`;
}
