import { createHash } from 'node:crypto';
import { InvalidArgumentError } from 'commander';
import { defaultConfig } from '../../config.ts';
import { CallError, type Runner, type RunnerEvent, startRunner } from '../../runner/start-runner.ts';
import type { Cli } from '../cli.ts';
import { oneLine } from '../output.ts';
import { execHandler } from '../runner/exec-handler.ts';
import { serverError } from '../server-error.ts';

/** Commands that execute stages while a plan runs, by runner type. */
export type Programs = Readonly<Record<string, string>>;

/** `TYPE=COMMAND`, collected over repeated options. */
export function programOption(text: string, before: Programs = {}): Programs {
  const at = text.indexOf('=');
  const [type, command] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || command === '') throw new InvalidArgumentError('expected TYPE=COMMAND');
  if (type.startsWith('builtin/')) throw new InvalidArgumentError('the server itself executes these');
  if (Object.hasOwn(before, type)) throw new InvalidArgumentError('this type has a command already');
  return { ...before, [type]: command };
}

/** What is over sooner needs no word. */
const SOON_MS = 1_000;

export type ProgramOptions = {
  readonly programs: Programs;
  /** The server from which they get their work. */
  readonly address: string;
  /** What the ids of the runners begin with, followed by their types; undefined = ids that nobody else has. */
  readonly prefix: string | undefined;
  /** Gives up their start. */
  readonly signal: AbortSignal;
  /** Told what goes wrong with them, besides failures of attempts. */
  readonly onProblem: (text: string) => void;
};

/**
 * Calls `use` with a runner for each type, and stops them after it: what they still execute, for other plans on the same
 * server, gets a while to end, unless `signal` aborts. `stopNow` stops what is executed at once. Undefined if `signal`
 * aborted before the server knew them all.
 */
export async function withPrograms<T>(
  cli: Cli,
  options: ProgramOptions,
  use: (stopNow: () => Promise<void>) => Promise<T>,
): Promise<T | undefined> {
  const runners: Runner[] = [];
  const stop = async (how: { readonly graceMs?: number }): Promise<void> => {
    await Promise.all(runners.map((runner) => runner.stop(how)));
  };
  try {
    for (const program of Object.entries(options.programs)) runners.push(await startProgram(cli, program, options));
  } catch (error) {
    await stop({ graceMs: 0 });
    if (options.signal.aborted) return undefined;
    throw error instanceof CallError ? serverError(error.cause, options.address) : error;
  }
  const stopNow = (): Promise<void> => stop({ graceMs: 0 });
  const result = await use(stopNow).catch(async (error: unknown) => {
    await stopNow();
    throw error;
  });
  const hurry = (): void => void stopNow();
  options.signal.addEventListener('abort', hurry);
  const cancelWord = cli.clock.after(SOON_MS, () => {
    if (runners.every(({ executionIds }) => executionIds.length === 0)) return;
    cli.err.line('turboci: lets end what the commands of --runner do for other plans; Ctrl-C stops it');
  });
  await stop({});
  cancelWord();
  options.signal.removeEventListener('abort', hurry);
  return result;
}

/** The bytes that the server allows an id. */
const LONGEST_ID = 256;

/** The id of the runner for a type, always the same; of a type that is too long for it, a digest has to do. */
export function runnerId(prefix: string, type: string): string {
  const id = `${prefix}${type}`;
  return Buffer.byteLength(id) <= LONGEST_ID ? id : `${prefix}${createHash('sha256').update(type).digest('hex')}`;
}

async function startProgram(
  cli: Cli,
  [type, command]: readonly [type: string, command: string],
  { address, prefix, signal, onProblem }: ProgramOptions,
): Promise<Runner> {
  const onEvent = (event: RunnerEvent): void => {
    if (event.type !== 'problem') return;
    const why = event.error instanceof Error ? `: ${event.error.message}` : '';
    onProblem(oneLine(`runner for ${type}: ${event.message}${why}`));
  };
  return startRunner({
    server: address,
    mode: 'pull',
    runnerId: prefix === undefined ? undefined : runnerId(prefix, type),
    handlers: { [type]: execHandler({ command, server: address, env: cli.env, clock: cli.clock, onLine: () => {} }) },
    // As many as a server executes commands at the same time.
    maxConcurrent: defaultConfig().executorConcurrency,
    onEvent,
    signal,
  });
}
