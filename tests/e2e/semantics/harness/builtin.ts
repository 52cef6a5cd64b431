import type { JsonObject } from '@bufbuild/protobuf';
import type { StageWriteInit } from './plan.ts';

type Also = Pick<Exclude<StageWriteInit, { $typeName: string }>, 'assignments' | 'dependencies' | 'executionPolicy'>;

/** A policy of one attempt. */
export const once = { maxAttempts: 1 };

const YEARS = { seconds: 500_000_000n, nanos: 0 };

/** A backoff that no test lives to see the end of, though jitter may draw any part of it. */
export const late = { backoffInitial: YEARS, backoffMax: YEARS };

/** A stage that builtin/noop executes. */
export function noop(id: string, args: JsonObject = {}, also: Also = {}): StageWriteInit {
  return { ...also, id, args, runnerType: 'builtin/noop' };
}

/** A stage that runs a command, once unless its policy says more. */
export function command(id: string, args: JsonObject, also: Also = {}): StageWriteInit {
  return { executionPolicy: once, ...also, id, args, runnerType: 'builtin/process' };
}

/** Assignments to these checks with the goal FINAL. */
export function answersFor(...ids: readonly string[]) {
  return ids.map((targetCheckId) => ({ targetCheckId }));
}
