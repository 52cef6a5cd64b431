import { parseDuration } from '../../domain/duration.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import type { Clock } from '../../domain/ports.ts';
import type { CheckUpdate } from '../requests.ts';
import { ArgsReader, type ArgsReading, asString, requireArgs } from './args-reader.ts';
import type { ExecutionAnswer, ExecutionContext, ExecutionTask, Executor } from './executor.ts';

type NoopArgs = {
  /** Check id → data of the result to write. */
  readonly checks: ReadonlyMap<string, JsonObject>;
  readonly fail: string | undefined;
  readonly delayMs: number;
};

/**
 * `builtin/noop`: does nothing, for examples, tests and joints of a graph. Args, all optional:
 * - `checks`: an object, check id → result data; each gets a finalized result with that data and becomes FINAL;
 * - `fail`: a message; the attempt is INCOMPLETE(EXECUTOR_FAILURE) with it, the results are written all the same;
 * - `delay`: a duration such as `10ms` to wait before.
 */
export class NoopExecutor implements Executor {
  readonly runnerType = 'builtin/noop';
  readonly enabled = true;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  check(args: JsonObject): ArgsReading<NoopArgs>['faults'] {
    return readArgs(args).faults;
  }

  async execute(task: ExecutionTask, context: ExecutionContext): Promise<ExecutionAnswer> {
    const args = requireArgs(readArgs(task.args));
    if (args.delayMs > 0) await this.#wait(args.delayMs, context.signal);
    if (context.signal.aborted) {
      return answer([], { message: 'stopped before its end', reason: 'CANCELLED' });
    }
    const failure = args.fail === undefined ? undefined : { message: args.fail, reason: 'EXECUTOR_FAILURE' };
    return answer([...args.checks].map(finalResult), failure);
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(delayMs, () => end());
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end);
    });
  }
}

function answer(checkUpdates: readonly CheckUpdate[], failure: ExecutionAnswer['failure']): ExecutionAnswer {
  return { checkUpdates, details: undefined, failure, verdict: false };
}

function finalResult([checkId, data]: readonly [string, JsonObject]): CheckUpdate {
  return { checkId, state: 'FINAL', data, finalize: true, failure: undefined };
}

function readArgs(args: JsonObject): ArgsReading<NoopArgs> {
  const reader = new ArgsReader(args, ['checks', 'fail', 'delay']);
  const checks = readChecks(reader);
  const fail = reader.read('fail', asString, 'a message');
  const delayMs = reader.read('delay', asDuration, 'a duration such as "10ms"') ?? 0;
  return reader.end({ checks, fail, delayMs });
}

function readChecks(reader: ArgsReader): ReadonlyMap<string, JsonObject> {
  const byId = reader.read('checks', asObject, 'an object: check id → result data');
  const checks = new Map<string, JsonObject>();
  for (const [checkId, data] of Object.entries(byId ?? {})) {
    if (isJsonObject(data)) checks.set(checkId, data);
    else reader.fault(['checks', checkId], 'expected an object: the result data');
  }
  return checks;
}

function asObject(value: JsonValue): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

function asDuration(value: JsonValue): number | undefined {
  return typeof value === 'string' ? parseDuration(value) : undefined;
}
