import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { ArgsFault } from './executor.ts';

/** What reading a stage's args gave: the args, or what is wrong with them. */
export type ArgsReading<T> =
  | { readonly args: T; readonly faults: readonly [] }
  | { readonly args: undefined; readonly faults: readonly ArgsFault[] };

/** Reads the args of a stage key by key and collects every fault on the way; keys that nobody knows are faults too. */
export class ArgsReader {
  readonly #args: JsonObject;
  readonly #faults: ArgsFault[] = [];

  constructor(args: JsonObject, knownKeys: readonly string[]) {
    this.#args = args;
    for (const key of Object.keys(args)) {
      if (!knownKeys.includes(key)) this.fault([key], `unknown; known are ${knownKeys.join(', ')}`);
    }
  }

  fault(path: ArgsFault['path'], message: string): void {
    this.#faults.push({ path, message });
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#args, key);
  }

  /** The value of `key` as `parse` makes it; undefined if the key is absent or, with a fault, if `parse` gives undefined. */
  read<T>(key: string, parse: (value: JsonValue) => T | undefined, expected: string): T | undefined {
    const value = this.has(key) ? this.#args[key] : undefined;
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) this.fault([key], `expected ${expected}`);
    return parsed;
  }

  /** The reading as a whole. `args` must be undefined only if a fault was found. */
  end<T>(args: T | undefined): ArgsReading<T> {
    return this.#faults.length === 0 && args !== undefined
      ? { args, faults: [] }
      : { args: undefined, faults: this.#faults };
  }
}

/** The args of a stage about to be executed. They were checked when written, by perhaps another release. */
export function requireArgs<T>(reading: ArgsReading<T>): T {
  if (reading.args !== undefined) return reading.args;
  throw new Error(reading.faults.map(({ path, message }) => `args.${path.join('.')}: ${message}`).join('; '));
}

/** A string, or undefined. */
export function asString(value: JsonValue): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
