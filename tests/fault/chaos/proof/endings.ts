import type { Absence } from '../fleet.ts';
import type { LogEntry } from '../log.ts';
import type { Lives, Tenure } from './lives.ts';

/** Far above what a busy server needs to act on a deadline. */
const LATEST_END_MS = 10_000;

/** The least heartbeat_timeout there is. */
const LEAST_HEARTBEAT_MS = 1000;

/** Well above what a word takes to its server, and the end of a process until the test knows of it. */
const NOTICED_MS = 1000;

/** Why an attempt may end that has outlived the server which executed it: by the restart, or by its runner's own word. */
const AFTER_DEATH: readonly (string | undefined)[] = ['SERVER_RESTART', 'CHAOS', undefined];

/** Attempts that did not end as the death of their server demands, or did without one. */
export function wrongRestarts(tenures: readonly Tenure[], deaths: readonly number[]): readonly string[] {
  return tenures.flatMap((tenure) => {
    const { dispatch, end } = tenure;
    const isBound = dispatch === 'RUN' || dispatch === 'BUILTIN';
    const isOrphan = deaths.some((at) => tenure.from < at && at < tenure.to);
    const isCut = end?.failureReason === 'SERVER_RESTART';
    const isWrong = isBound && isOrphan ? !AFTER_DEATH.includes(end?.failureReason) : isCut && !isBound;
    return isWrong ? [`an attempt by ${dispatch} ended so around a restart: ${JSON.stringify(tenure)}`] : [];
  });
}

/** Attempts that were given up for silence before their runners had the time to break it after a restart. */
export function lostTooSoon(tenures: readonly Tenure[], deaths: readonly number[]): readonly string[] {
  return tenures
    .filter(({ end }) => end?.failureReason === 'HEARTBEAT_LOST')
    .filter(({ from, to }) => deaths.some((at) => from < at && at < to && to < at + LEAST_HEARTBEAT_MS))
    .map((tenure) => `was given up right after a restart: ${JSON.stringify(tenure)}`);
}

/**
 * Pushed attempts whose runners said that they begin nothing, and which stayed with them. A runner notes its word before it
 * says it, so the word of one that was absent afterwards need not have been heard; nor may a server that died.
 */
export function notTakenBack(
  tenures: readonly Tenure[],
  entries: readonly LogEntry[],
  deaths: readonly number[],
  absences: readonly Absence[],
): readonly string[] {
  const declines = new Map(
    entries
      .filter(({ event, way }) => event === 'decline' && way !== 'ACQUIRE')
      .map((entry) => [entry.executionId, entry]),
  );
  return tenures.flatMap((tenure) => {
    const decline = declines.get(tenure.executionId);
    if (decline === undefined) return [];
    const { time: at, pid } = decline;
    // An attempt that had been given up by then is nobody's to take back.
    if (tenure.end !== undefined && tenure.to <= at) return [];
    const isUnheard =
      deaths.some((death) => tenure.from < death && death < tenure.to && death <= at + NOTICED_MS) ||
      absences.some((absence) => absence.pid === pid && at <= absence.to && absence.from <= at + NOTICED_MS);
    const isTakenBack = tenure.end !== undefined && tenure.end.executionId === undefined;
    const isCancelled = tenure.end?.failureReason === 'CANCELLED';
    return isUnheard || isTakenBack || isCancelled
      ? []
      : [`was declined at ${at} and not taken back: ${JSON.stringify(tenure)}`];
  });
}

/** Attempts that ended long after their deadlines, of those with deadlines after `since`. */
export function overdue(lives: Lives, since: number): readonly string[] {
  return [...lives].flatMap(([name, life]) => {
    const due = life.at(-2)?.deadline ?? Number.NEGATIVE_INFINITY;
    const late = (life.at(-1)?.at ?? 0) - due;
    return due > since && late > LATEST_END_MS ? [`attempt ${name} ended ${late} ms after its deadline`] : [];
  });
}
