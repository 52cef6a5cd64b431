import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Readable, Writable } from 'node:stream';
import { openLifeline } from '../../service/executor/process/lifeline.ts';
import { Tail } from '../../service/executor/process/tail.ts';
import type { Clock } from '../cli.ts';

/** Between SIGTERM and SIGKILL; well below the grace time of a cancellation (10 s). */
const KILL_GRACE_MS = 5_000;
/** How long descendants may hold on to the output after the program itself has ended. */
const DRAIN_MS = 1_000;
/** Bytes of stderr that are kept to be shown. */
const TAIL_BYTES = 4096;

/** Lets the program begin only when the watcher knows its group: if this process dies before, it ends instead. */
const GATE = 'read -r go <&3 || exit 1; exec 3<&-; exec /bin/sh -c "$1"';

export type ProgramSpec = {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly env: Record<string, string>;
  /** What the program finds on stdin. */
  readonly input: string;
  /** Ends the program when aborted: SIGTERM, and SIGKILL 5 s later. */
  readonly signal: AbortSignal;
  /** Bytes that it may write to stdout; with more it is ended. */
  readonly maxAnswerBytes: number;
  /** Takes stderr as it comes. */
  readonly onStderr: (chunk: Buffer) => void;
};

/** How a program ended and what it said. */
export type ProgramEnd = {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Undefined if it was too long. */
  readonly stdout: Buffer | undefined;
  /** The end of stderr as plain text. */
  readonly tail: string;
};

/**
 * Runs a program as the leader of a session and process group of its own. When it ends, what it left running is killed;
 * if this process is killed, a watcher kills the group.
 */
export async function runProgram(spec: ProgramSpec, clock: Clock): Promise<ProgramEnd> {
  const lifeline = openLifeline(spec.env);
  try {
    const child = spawn('/bin/sh', ['-c', GATE, 'sh', spec.command], {
      env: spec.env,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const exit = once(child, 'exit');
    exit.catch(() => {});
    await once(child, 'spawn');
    const group = new Group(child.pid ?? 0, clock);
    lifeline.hold(group.id);
    openGate(child);
    // A program need not read its request.
    child.stdin.on('error', () => {});
    child.stdin.end(spec.input);
    return await watched(child, exit, group, spec, clock);
  } finally {
    lifeline.release();
  }
}

function openGate({ stdio: [, , , gate] }: ChildProcess): void {
  if (!(gate instanceof Writable)) throw new Error('no pipe to the program');
  gate.on('error', () => {});
  gate.end('go\n');
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

async function watched(
  child: Child,
  exit: Promise<unknown[]>,
  group: Group,
  { signal, maxAnswerBytes, onStderr }: ProgramSpec,
  clock: Clock,
): Promise<ProgramEnd> {
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  const tail = new Tail(TAIL_BYTES);
  child.stdout.on('data', (chunk: Buffer) => {
    stdoutBytes += chunk.length;
    if (stdoutBytes <= maxAnswerBytes) stdout.push(chunk);
    else group.terminate();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    tail.append(chunk);
    onStderr(chunk);
  });
  const closed = Promise.all([once(child.stdout, 'close'), once(child.stderr, 'close')]);
  const terminate = (): void => group.terminate();
  signal.addEventListener('abort', terminate);
  if (signal.aborted) terminate();
  await exit;
  signal.removeEventListener('abort', terminate);
  const cancelDrain = clock.after(DRAIN_MS, () => {
    group.kill();
    child.stdout.destroy();
    child.stderr.destroy();
  });
  await closed;
  cancelDrain();
  group.kill();
  const isTooLong = stdoutBytes > maxAnswerBytes;
  const { exitCode, signalCode } = child;
  return { exitCode, signal: signalCode, stdout: isTooLong ? undefined : Buffer.concat(stdout), tail: tail.text() };
}

/** A process and its descendants, as far as they did not leave its group. */
class Group {
  readonly id: number;
  readonly #clock: Clock;
  #cancelKill: (() => void) | undefined;
  #isOver = false;

  constructor(id: number, clock: Clock) {
    this.id = id;
    this.#clock = clock;
  }

  /** SIGTERM, and SIGKILL after the grace. May be repeated. */
  terminate(): void {
    if (this.#isOver || this.#cancelKill !== undefined) return;
    this.#send('SIGTERM');
    this.#cancelKill = this.#clock.after(KILL_GRACE_MS, () => this.#send('SIGKILL'));
  }

  /** SIGKILL to what is left, for good: the id may be reused, so no signal is sent afterwards. */
  kill(): void {
    this.#send('SIGKILL');
    this.#isOver = true;
    this.#cancelKill?.();
  }

  #send(signal: NodeJS.Signals): void {
    if (this.#isOver) return;
    try {
      process.kill(-this.id, signal);
    } catch {
      // ESRCH: nobody is left. EPERM: what is left runs as another user.
    }
  }
}
