import type { HistoryEvent, PlanHistory } from './plan-history.ts';
import { isCompletion, revisionOf } from './wire-key.ts';
import type { WatchEnd } from './wire-watch.ts';

export type Filters = {
  readonly includeChecks: boolean;
  readonly includeStages: boolean;
  readonly checkStateFilter: readonly number[];
  readonly stageStateFilter: readonly number[];
  readonly checkIdFilter: readonly string[];
  readonly stageIdFilter: readonly string[];
};

/** One watch from its call to its end. */
export type Seen = {
  readonly filters: Filters;
  readonly since: number | undefined;
  readonly endOnCompletion: boolean;
  /** Revisions between which the server accepted the call. */
  readonly earliest: number;
  readonly latest: number;
  /** What was received, in order. */
  readonly keys: readonly string[];
  readonly end: WatchEnd;
  /** Whether the watcher stayed until nothing more was to come. */
  readonly isWhole: boolean;
};

/** What is wrong with what a watcher got, held against the history of its plan; undefined = nothing. */
export function faultOf(seen: Seen, history: PlanHistory): string | undefined {
  const passing = history.events.filter((event) => passes(seen.filters, event));
  const [first] = seen.keys;
  if (first !== undefined && isCompletion(first) && revisionOf(first) <= (seen.since ?? Number.MAX_SAFE_INTEGER))
    return faultOfDone(seen, history, passing, first);
  const start = seen.since ?? startOf(seen, passing);
  if (typeof start === 'string') return start;
  return faultOfRest(seen, seen.keys, told(passing, start));
}

/** A watch that began on a plan with nothing left to run. */
function faultOfDone(
  seen: Seen,
  history: PlanHistory,
  passing: readonly HistoryEvent[],
  first: string,
): string | undefined {
  const revision = revisionOf(first);
  if (seen.since !== undefined && !seen.endOnCompletion) return `told of a completion that it had seen: ${first}`;
  if (revision < seen.earliest || revision > seen.latest) return `told of the completion of another time: ${first}`;
  if (history.completedAt(revision) !== first) return `${first}, but it was ${history.completedAt(revision)}`;
  if (seen.endOnCompletion) return seen.keys.length > 1 ? `${seen.keys[1]} after the end` : faultOfEnd(seen, true);
  return faultOfRest(seen, seen.keys.slice(1), told(passing, revision));
}

/** The revision after which a watch without since_revision began, or what is wrong with where it did. */
function startOf(seen: Seen, passing: readonly HistoryEvent[]): number | string {
  const [first] = seen.keys;
  if (first === undefined) return seen.latest;
  const at = passing.findIndex(({ key }) => key === first);
  if (at < 0) return `an event that never was, or was not asked for: ${first}`;
  const before = passing[at - 1]?.revision ?? 0;
  if (before === revisionOf(first)) return `it begins within a revision: ${first}`;
  if (before > seen.latest) return `it missed what came before ${first}: it stood at ${seen.latest}`;
  if (revisionOf(first) <= seen.earliest) return `it begins too early: ${first}, and was called at ${seen.earliest}`;
  return revisionOf(first) - 1;
}

function faultOfRest(seen: Seen, keys: readonly string[], told: readonly string[]): string | undefined {
  const end = seen.endOnCompletion ? told.findIndex(isCompletion) + 1 : 0;
  const expected = end > 0 ? told.slice(0, end) : told;
  const at = keys.findIndex((key, index) => key !== expected[index]);
  if (at >= 0) return `at ${at}: got ${keys[at]}, expected ${expected[at]} (before: ${keys[at - 1]})`;
  const isAtEnd = end > 0 && keys.length === end;
  if (seen.isWhole && keys.length < expected.length)
    return `${expected.length - keys.length} never came: ${expected[keys.length]}`;
  return faultOfEnd(seen, isAtEnd);
}

function faultOfEnd({ end, isWhole }: Seen, isAtEnd: boolean): string | undefined {
  if (end === 'OK' && !isAtEnd) return 'it ended with OK before its end';
  if (isAtEnd && isWhole && end !== 'OK') return `it ended with ${end} instead of OK`;
  return undefined;
}

function told(passing: readonly HistoryEvent[], after: number): readonly string[] {
  return passing
    .filter(({ revision }) => revision > after)
    .flatMap(({ key, completed }) => (completed === undefined ? [key] : [key, completed]));
}

/** The filters as api.md and semantics.md, section 12, tell of them. */
function passes(filters: Filters, { type, nodeId, newState }: HistoryEvent): boolean {
  const isBoth = filters.includeChecks === filters.includeStages;
  const isOneOf = <T>(list: readonly T[], value: T) => list.length === 0 || list.includes(value);
  switch (type) {
    case 'plan':
      return true;
    case 'check':
      return (
        (isBoth || filters.includeChecks) &&
        isOneOf(filters.checkIdFilter, nodeId) &&
        isOneOf(filters.checkStateFilter, newState)
      );
    case 'stage':
      return (
        (isBoth || filters.includeStages) &&
        isOneOf(filters.stageIdFilter, nodeId) &&
        isOneOf(filters.stageStateFilter, newState)
      );
  }
}
