import { once } from 'node:events';
import { type ProcessGroup, startProcessGroup } from '../../service/executor/process/process-group.ts';
import { Tail } from '../../service/executor/process/tail.ts';
import type { Clock } from '../cli.ts';
import { AnswerOrOutput } from './answer-or-output.ts';

/** Between SIGTERM and SIGKILL; well below the grace time of a cancellation (10 s). */
const KILL_GRACE_MS = 5_000;
/** How long descendants may hold on to the output after the program itself has ended. */
const DRAIN_MS = 1_000;
/** Bytes of the output that are kept to be shown. */
const TAIL_BYTES = 4096;

export type ProgramSpec = {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly env: Record<string, string>;
  /** What the program finds on stdin. */
  readonly input: string;
  /** Ends the program when aborted: SIGTERM, and SIGKILL 5 s later. */
  readonly signal: AbortSignal;
  /** Bytes that its answer may have; with more it is ended. */
  readonly maxAnswerBytes: number;
  /** Takes the output as it comes: stderr, and stdout unless that is an answer. */
  readonly onOutput: (stream: OutputStream, chunk: Buffer) => void;
};

export type OutputStream = 'stdout' | 'stderr';

/** How a program ended and what it said. */
export type ProgramEnd = {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What it answered on stdout, empty if nothing; undefined if it was too long. */
  readonly answer: string | undefined;
  /** The end of the output as plain text. */
  readonly tail: string;
};

/**
 * Runs a program as the leader of a session and process group of its own. When it ends, what it left running is killed;
 * if this process is killed, a watcher kills the group.
 */
export async function runProgram(spec: ProgramSpec, clock: Clock): Promise<ProgramEnd> {
  const group = await startProcessGroup(
    {
      file: '/bin/sh',
      argv: ['-c', spec.command],
      cwd: undefined,
      env: spec.env,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    },
    { clock, environment: spec.env, killGraceMs: KILL_GRACE_MS },
  );
  try {
    return await watched(group, spec, clock);
  } finally {
    group.close();
  }
}

async function watched(group: ProcessGroup, spec: ProgramSpec, clock: Clock): Promise<ProgramEnd> {
  const { stdin, stdout, stderr } = group.streams;
  if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes to the program');
  const { signal, maxAnswerBytes, onOutput } = spec;
  // A program need not read its request.
  stdin.on('error', () => {});
  stdin.end(spec.input);
  const tail = new Tail(TAIL_BYTES);
  const shown = (stream: OutputStream, chunk: Buffer): void => {
    tail.append(chunk);
    onOutput(stream, chunk);
  };
  const answering = new AnswerOrOutput(maxAnswerBytes, (chunk) => shown('stdout', chunk));
  stdout.on('data', (chunk: Buffer) => void (answering.add(chunk) || group.terminate()));
  stderr.on('data', (chunk: Buffer) => shown('stderr', chunk));
  const closed = Promise.all([once(stdout, 'close'), once(stderr, 'close')]);
  const terminate = (): void => group.terminate();
  signal.addEventListener('abort', terminate);
  if (signal.aborted) terminate();
  const end = await group.ended;
  signal.removeEventListener('abort', terminate);
  const cancelDrain = clock.after(DRAIN_MS, () => {
    group.close();
    stdout.destroy();
    stderr.destroy();
  });
  await closed;
  cancelDrain();
  return { ...end, answer: answering.answer, tail: tail.text() };
}
