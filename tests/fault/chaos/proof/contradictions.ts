import type { FollowedPlan } from '../author.ts';
import type { Absence } from '../fleet.ts';
import type { ChaosHistory } from '../history.ts';
import type { LogEntry } from '../log.ts';
import { invented, lostAnswers, lostWords, wrongReplies } from './answers.ts';
import { lostTooSoon, notTakenBack, overdue, wrongRestarts } from './endings.ts';
import { repeated } from './grouping.ts';
import { brokenLives, livesOf, tenuresOf } from './lives.ts';
import { overloads, startedTwice, strangers } from './owners.ts';

/** All that is known after a run. */
export type Evidence = {
  /** What the database holds. */
  readonly history: ChaosHistory;
  /** What the runners noted. */
  readonly entries: readonly LogEntry[];
  /** What the authors were told. */
  readonly plans: readonly FollowedPlan[];
  /** When servers were dead, each before the next one started; milliseconds since the epoch. */
  readonly deaths: readonly number[];
  /** When processes of runners were not there. */
  readonly absences: readonly Absence[];
  /** The most executions of a runner of one type at a time. */
  readonly limitOf: (runnerId: string) => number;
};

/** Everything in which runners, authors and the database contradict each other or the rules. */
export function contradictions({ history, entries, plans, deaths, absences, limitOf }: Evidence): readonly string[] {
  const lives = livesOf(history.changes);
  const tenures = tenuresOf(lives);
  return [
    ...history.open.map((plan) => `not over: ${plan}`),
    ...startedTwice(entries),
    ...strangers(tenures, entries),
    ...overloads(tenures, limitOf),
    ...wrongReplies(entries),
    ...lostAnswers(history, entries),
    ...invented(history, entries),
    ...lostWords(history, entries),
    ...brokenLives(lives),
    ...wrongRestarts(tenures, deaths),
    ...lostTooSoon(tenures, deaths),
    ...notTakenBack(tenures, entries, deaths, absences),
    ...overdue(lives, Math.max(0, ...deaths)),
    ...brokenEnds(history, plans),
  ];
}

/** Every node of a plan that is FINAL became so by one event, and its author was told once. */
function brokenEnds({ finals, ends }: ChaosHistory, plans: readonly FollowedPlan[]): readonly string[] {
  return plans.flatMap(({ planId, ends: told }) => {
    const expected = finals.get(planId) ?? [];
    return [
      ...differences(`the events of plan ${planId}`, expected, ends.get(planId) ?? []),
      ...differences(`the watch of plan ${planId}`, expected, told),
    ];
  });
}

function differences(where: string, expected: readonly string[], told: readonly string[]): readonly string[] {
  const inHistory = new Set(told);
  const inPlan = new Set(expected);
  return [
    ...repeated(told, (node) => node).map(([node]) => `${where}: ${node} ended more than once`),
    ...expected.filter((node) => !inHistory.has(node)).map((node) => `${where}: the end of ${node} is missing`),
    ...told.filter((node) => !inPlan.has(node)).map((node) => `${where}: ${node} has not ended`),
  ];
}
