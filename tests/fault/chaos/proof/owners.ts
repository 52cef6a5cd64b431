import type { LogEntry } from '../log.ts';
import { attemptName, repeated } from './grouping.ts';
import type { Tenure } from './lives.ts';

/** Executions that began twice, and attempts of which two executions began. */
export function startedTwice(entries: readonly LogEntry[]): readonly string[] {
  const starts = entries.filter(({ event }) => event === 'start');
  const tell = ({ executionId, runnerId, pid, time }: LogEntry) => `${executionId} by ${runnerId}/${pid} at ${time}`;
  return [
    ...repeated(starts, ({ executionId }) => executionId).map(([id, all]) => `execution ${id}: ${all.map(tell)}`),
    ...repeated(starts, attemptName).map(([name, all]) => `attempt ${name}: ${all.map(tell)}`),
  ].map((what) => `began more than once: ${what}`);
}

/** Work that began without having been handed to that runner. */
export function strangers(tenures: readonly Tenure[], entries: readonly LogEntry[]): readonly string[] {
  const holders = new Map(tenures.map(({ executionId, runnerId }) => [executionId, runnerId]));
  return entries
    .filter(({ event, executionId, runnerId }) => event === 'start' && holders.get(executionId) !== runnerId)
    .map((entry) => `began without being handed out: ${JSON.stringify(entry)}`);
}

/** Runners that had more live attempts at a time than they take; of the same millisecond the ends count first. */
export function overloads(tenures: readonly Tenure[], limitOf: (runnerId: string) => number): readonly string[] {
  // One that lasted no millisecond would end before it began.
  const held = tenures.filter(({ runnerId, from, to }) => runnerId !== undefined && to > from);
  const holders = Map.groupBy(held, ({ runnerId, runnerType }) => `${runnerId}/${runnerType}`);
  return [...holders].flatMap(([holder, all]) => {
    const limit = limitOf(all[0]?.runnerId ?? '');
    const most = mostAtOnce(all);
    return most > limit ? [`${holder} had ${most} attempts at a time, its limit is ${limit}`] : [];
  });
}

function mostAtOnce(tenures: readonly Tenure[]): number {
  const steps = tenures.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ]);
  let load = 0;
  let most = 0;
  for (const { by } of steps.toSorted((one, other) => one.at - other.at || one.by - other.by)) {
    load += by;
    most = Math.max(most, load);
  }
  return most;
}
