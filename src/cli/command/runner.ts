import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../domain/duration.ts';
import { CallError, type Runner, type RunnerOptions, startRunner } from '../../runner/start-runner.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { DEFAULT_SERVER, serverAddress } from '../connection.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { withInterrupts } from '../interrupts.ts';
import { execHandler } from '../runner/exec-handler.ts';
import { jsonLog, plainLog } from '../runner/runner-log.ts';
import { serverError } from '../server-error.ts';
import { keyValue, wholeNumber } from './arguments.ts';

type Options = {
  readonly type: readonly string[];
  readonly exec: string;
  readonly server?: string;
  readonly mode: 'pull' | 'serve';
  readonly listen?: string;
  readonly advertise?: string;
  readonly maxConcurrent: number;
  readonly runnerId?: string;
  readonly ttl: number;
  readonly grace: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly json?: true;
};

export function addRunnerCommand(program: Command, cli: Cli, end: (code: ExitCode) => void): void {
  program
    .command('runner')
    .summary('execute stages of a runner type by a program')
    .description(
      'Turns a program into a runner: for each attempt of a stage with that `runner:` it is started with the request as ' +
        'JSON on stdin, and may answer with JSON on stdout. Another exit status than 0 is a failure of the ' +
        'attempt. docs/runner-kit.md has the details. SIGTERM or Ctrl-C lets what runs come to an end, a second one ' +
        'leaves at once.',
    )
    .requiredOption('--type <type>', 'runner type of the stages; may be repeated', collected)
    .requiredOption('--exec <command>', 'the program, a line for /bin/sh')
    .option('--server <address>', `the server: HOST:PORT or unix:PATH (default: TURBOCI_SERVER or ${DEFAULT_SERVER})`)
    .addOption(
      new Option('--mode <mode>', 'ask the server for work, or be called by it')
        .choices(['pull', 'serve'])
        .default('pull'),
    )
    .option('--listen <address>', 'with --mode serve: where to listen (default: 127.0.0.1:0, any free port)')
    .option('--advertise <address>', 'with --mode serve: where the server reaches the runner (default: --listen)')
    .option('--max-concurrent <number>', 'executions at a time, 0 = unlimited', slots, 1)
    .option('--runner-id <id>', 'name of the runner (default: host, process id and random characters)')
    .addOption(
      new Option('--ttl <duration>', 'how long the server believes in a silent runner')
        .argParser((text) => duration(text, { least: '1s', most: '24h' }))
        .default(60_000, '1m'),
    )
    .addOption(
      new Option('--grace <duration>', 'how long executions may take when the runner is to stop')
        .argParser((text) => duration(text))
        .default(30_000, '30s'),
    )
    .option('--metadata <key=value>', 'shown in lists of runners; may be repeated', keyValue)
    .option('--json', 'write JSON lines')
    .action(async (options: Options) => end(await runner(cli, options)));
}

async function runner(cli: Cli, options: Options): Promise<ExitCode> {
  if (options.mode === 'pull' && (options.listen ?? options.advertise) !== undefined) {
    throw new CliError('--listen and --advertise are for --mode serve', {
      exitCode: exitCode.usage,
      reason: 'USAGE',
      remedy: 'add --mode serve, or leave them out',
    });
  }
  return withInterrupts(async ({ signal, code }) => {
    const started = await start(cli, options, signal);
    if (started === undefined) return code() ?? exitCode.interrupted;
    await aborted(signal);
    cli.err.line('turboci: stopping; once more to leave at once');
    await started.stop({ graceMs: options.grace });
    return exitCode.ok;
  });
}

/** The runner; undefined if it was interrupted before the server knew it. */
async function start(cli: Cli, options: Options, signal: AbortSignal): Promise<Runner | undefined> {
  const server = serverAddress(options.server) ?? serverAddress(cli.env.TURBOCI_SERVER) ?? DEFAULT_SERVER;
  const log = options.json ? jsonLog(cli) : plainLog(cli);
  const { exec: command, mode, listen, advertise, runnerId, maxConcurrent, metadata } = options;
  const handler = execHandler({ command, server, env: cli.env, clock: cli.clock, onLine: log.line });
  const common = {
    server,
    handlers: Object.fromEntries(options.type.map((type) => [type, handler])),
    maxConcurrent,
    runnerId,
    metadata,
    ttlMs: options.ttl,
    onEvent: log.event,
    signal,
  };
  const chosen: RunnerOptions = mode === 'serve' ? { ...common, mode, listen, advertise } : { ...common, mode };
  try {
    return await startRunner(chosen);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw startError(error, server);
  }
}

function startError(error: unknown, server: string): unknown {
  if (error instanceof CallError) return serverError(error.cause, server);
  if (!(error instanceof Error) || error.cause === undefined) return error;
  const remedy = 'name another address with --listen';
  return new CliError(error.message, { exitCode: exitCode.unavailable, reason: 'CANNOT_LISTEN', remedy, cause: error });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** The greatest int32. */
const MOST_SLOTS = 2 ** 31 - 1;

function slots(text: string): number {
  const value = wholeNumber(text);
  if (value > MOST_SLOTS) throw new InvalidArgumentError(`at most ${MOST_SLOTS}; 0 = unlimited`);
  return value;
}

function duration(text: string, range?: { readonly least: string; readonly most: string }): number {
  const ms = parseDuration(text);
  const [least, most] = [
    parseDuration(range?.least ?? '') ?? 0,
    parseDuration(range?.most ?? '') ?? Number.MAX_SAFE_INTEGER,
  ];
  if (ms !== undefined && ms >= least && ms <= most) return ms;
  const bounds = range === undefined ? '' : ` from ${range.least} to ${range.most}`;
  throw new InvalidArgumentError(`expected a duration with a unit${bounds}, such as 30s or 5m`);
}
