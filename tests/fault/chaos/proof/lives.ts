import type { AttemptChange } from '../history.ts';
import { attemptName, type Grouped } from './grouping.ts';

/** The changes of each attempt, in their order. */
export type Lives = Grouped<AttemptChange>;

/** The time for which one execution had an attempt, from its reservation to its end or until it was taken back. */
export type Tenure = {
  readonly executionId: string;
  readonly runnerId: string | undefined;
  readonly runnerType: string;
  readonly dispatch: string | undefined;
  readonly from: number;
  readonly to: number;
  /** The change that ended it; undefined = it still lasts. */
  readonly end: AttemptChange | undefined;
};

export function livesOf(changes: readonly AttemptChange[]): Lives {
  return Map.groupBy(changes, attemptName);
}

export function tenuresOf(lives: Lives): readonly Tenure[] {
  return [...lives.values()].flatMap((life) => life.flatMap((change, index) => tenureFrom(life, change, index)));
}

/** The tenure that begins with a change, if one does. */
function tenureFrom(life: readonly AttemptChange[], change: AttemptChange, index: number): readonly Tenure[] {
  const { executionId, runnerId, runnerType, dispatch, at } = change;
  if (executionId === undefined || life[index - 1]?.executionId === executionId) return [];
  const end = life.slice(index).find((later) => later.executionId !== executionId || isEnd(later.state));
  return [{ executionId, runnerId, runnerType, dispatch, from: at, to: end?.at ?? Number.POSITIVE_INFINITY, end }];
}

export function isEnd(state: string | undefined): boolean {
  return state === 'COMPLETE' || state === 'INCOMPLETE';
}

/** Attempts whose states do not lead from one to the next, that do not end once, or whose holder was replaced. */
export function brokenLives(lives: Lives): readonly string[] {
  return [...lives].flatMap(([name, life]) => {
    const faults = life.flatMap((change, index) => stepFaults(life[index - 1], change));
    const endings = life.filter(({ state, oldState }) => isEnd(state) && !isEnd(oldState)).length;
    if (endings !== 1) faults.push(`it ended ${endings} times`);
    return faults.length === 0 ? [] : [`attempt ${name}: ${faults.join('; ')}: ${JSON.stringify(life)}`];
  });
}

function stepFaults(before: AttemptChange | undefined, after: AttemptChange): readonly string[] {
  const faults: string[] = [];
  if (before?.state !== after.oldState) faults.push(`from ${before?.state} it went on as ${after.oldState}`);
  if (before === undefined) return faults;
  if (isEnd(before.state)) faults.push('it changed after its end');
  if (before.executionId === undefined || after.executionId === before.executionId) return faults;
  if (after.executionId !== undefined) faults.push(`${before.executionId} was replaced by ${after.executionId}`);
  if (before.dispatch === 'BUILTIN') faults.push('it was taken back from the server itself');
  // Of a stage that was told to stop meanwhile nobody takes it up again.
  const isStopped = after.failureReason === 'CANCELLED' || after.failureReason === 'TIMEOUT';
  if (after.state !== 'PENDING' && !isStopped) faults.push(`it lost its holder and became ${after.state}`);
  return faults;
}
