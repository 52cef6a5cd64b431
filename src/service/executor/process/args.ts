import { parseDuration } from '../../../domain/duration.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../domain/json.ts';
import { ArgsReader, type ArgsReading } from '../args-reader.ts';

/**
 * How a command's end becomes results of the assigned checks:
 * - `on_success`: exit status 0 gives every check its result; any other end is a failure of the attempt, which the
 *   policy may retry;
 * - `always`: the exit status is the answer, not a fault: the attempt is COMPLETE, and a status other than 0 makes the
 *   result a failed one. A signal or timeout still fails the attempt;
 * - `never`: the command writes results itself, over the API.
 */
export const resultModes = ['on_success', 'always', 'never'] as const;
export type ResultMode = (typeof resultModes)[number];

export type ProcessArgs = {
  readonly file: string;
  readonly argv: readonly string[];
  readonly cwd: string | undefined;
  readonly env: ReadonlyMap<string, string>;
  readonly timeoutMs: number | undefined;
  readonly results: ResultMode;
};

type Command = Pick<ProcessArgs, 'file' | 'argv'>;

export function readProcessArgs(args: JsonObject): ArgsReading<ProcessArgs> {
  const reader = new ArgsReader(args, ['command', 'cwd', 'env', 'timeout', 'results']);
  const command = readCommand(reader);
  const cwd = reader.read('cwd', asText, 'a path');
  const env = readEnv(reader);
  const timeoutMs = reader.read('timeout', asTimeout, 'a duration above zero such as "30s"');
  const results = reader.read('results', asResultMode, `one of ${resultModes.join(', ')}`) ?? 'on_success';
  return reader.end(command && { ...command, cwd, env, timeoutMs, results });
}

function readCommand(reader: ArgsReader): Command | undefined {
  if (!reader.has('command')) reader.fault(['command'], 'required: a list of strings, or a string for /bin/sh');
  return reader.read('command', asCommand, 'a list of strings (the first not empty), or a string for /bin/sh');
}

function asCommand(value: JsonValue): Command | undefined {
  if (!Array.isArray(value)) {
    const script = asText(value);
    return script === undefined ? undefined : { file: '/bin/sh', argv: ['-c', script] };
  }
  const [file, ...argv] = value.filter(isPassable);
  if (file === undefined || file === '' || argv.length + 1 < value.length) return undefined;
  return { file, argv };
}

function readEnv(reader: ArgsReader): ReadonlyMap<string, string> {
  const object = reader.read('env', (value) => (isJsonObject(value) ? value : undefined), 'an object of strings');
  const env = new Map<string, string>();
  for (const [name, value] of Object.entries(object ?? {})) {
    if (name === '' || name.includes('=') || !isPassable(name)) reader.fault(['env', name], 'not a variable name');
    else if (isPassable(value)) env.set(name, value);
    else reader.fault(['env', name], 'expected a string');
  }
  return env;
}

/** Strings that the system can hand to a process: C strings. */
function isPassable(value: JsonValue): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function asText(value: JsonValue): string | undefined {
  return isPassable(value) && value !== '' ? value : undefined;
}

function asTimeout(value: JsonValue): number | undefined {
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  return ms === 0 ? undefined : ms;
}

function asResultMode(value: JsonValue): ResultMode | undefined {
  return resultModes.find((mode) => mode === value);
}
