import { equal } from './json.ts';
import { requireThat } from './refusal.ts';
import type { ResultWrite } from './requests.ts';
import { type Check, type Failure, type Plan, type Result, type Stage, stageOf } from './state.ts';

/** Results of checks: section 2. */

/** The owner type of what an executor found out; the owner id is `STAGE:IDX`. */
export const ATTEMPT_OWNER = 'stage_attempt';

export const SERVER_OWNER = 'orchestrator';

/** Whether a result stands there already, so that writing it again changes nothing. */
export function isRepeated(check: Check, write: ResultWrite): boolean {
  const known = resultOf(check, write);
  return (
    known !== undefined &&
    (write.data === undefined || equal(known.data ?? {}, write.data)) &&
    (write.failure === undefined
      ? write.data === undefined || known.failure === undefined
      : equal(known.failure, write.failure)) &&
    (!write.finalize || known.finalized)
  );
}

/** Creates or replaces the result of an owner; the caller has judged that the check takes results now. False = a repeat. */
export function putResult(check: Check, write: ResultWrite): boolean {
  const known = resultOf(check, write);
  if (known === undefined) {
    const { ownerType, ownerId, data, failure, finalize } = write;
    check.results.push({ ownerType, ownerId, data, failure, finalized: finalize });
    return true;
  }
  if (isRepeated(check, write)) return false;
  requireThat(!known.finalized, 'RESULT_FINALIZED', `the result of ${write.ownerType} ${write.ownerId} is final`);
  if (write.data !== undefined) {
    known.data = write.data;
    known.failure = undefined;
  }
  known.failure = write.failure ?? known.failure;
  known.finalized ||= write.finalize;
  return true;
}

/** An attempt, as the owner of a result names it. */
export type NamedAttempt = { readonly stage: Stage; readonly idx: number };

export function namedAttempt(
  plan: Plan,
  { ownerType, ownerId }: Pick<Result, 'ownerType' | 'ownerId'>,
): NamedAttempt | undefined {
  if (ownerType !== ATTEMPT_OWNER) return undefined;
  const at = ownerId.lastIndexOf(':');
  const stage = stageOf(plan, ownerId.slice(0, at));
  return stage === undefined ? undefined : { stage, idx: Number(ownerId.slice(at + 1)) };
}

/** The end of an attempt finalizes what it found out. */
export function finalizeResultsOf(plan: Plan, stage: Stage, idx: number): void {
  for (const result of plan.checks.flatMap((check) => check.results)) {
    if (result.ownerType === ATTEMPT_OWNER && result.ownerId === attemptOwner(stage, idx)) result.finalized = true;
  }
}

export function attemptOwner(stage: Stage, idx: number): string {
  return `${stage.id}:${idx}`;
}

/** Whether a result that counts has a failure. Those of superseded attempts do not count. */
export function hasFailure(plan: Plan, check: Check): boolean {
  return check.results.some((result) => result.failure !== undefined && !isSuperseded(plan, result));
}

function isSuperseded(plan: Plan, result: Result): boolean {
  const named = namedAttempt(plan, result);
  return named !== undefined && named.idx < named.stage.attempts.length;
}

/** The server's own result, of a goal that failed; it names one of the stages that are to blame, which are all here. */
export function failedGoal(culprits: readonly Stage[]): Result {
  const failure: Failure = { message: undefined, reason: 'STAGE_FAILED' };
  const ownerId = culprits.map(({ id }) => id).join('|');
  return { ownerType: SERVER_OWNER, ownerId, data: undefined, failure, finalized: true };
}

function resultOf(check: Check, { ownerType, ownerId }: ResultWrite): Result | undefined {
  return check.results.find((result) => result.ownerType === ownerType && result.ownerId === ownerId);
}
