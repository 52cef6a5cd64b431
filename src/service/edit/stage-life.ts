import { ATTEMPT_OWNER, attemptOwnerId } from '../../domain/check.ts';
import type { Resolution } from '../../domain/dependency/group.ts';
import { invariant } from '../../domain/error.ts';
import type { Failure } from '../../domain/failure.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { backoffDelayMs } from '../../domain/policy.ts';
import { type ConcludedReason, isPastTimeout } from '../../domain/stage.ts';
import { orderStop, queueAttempt } from './attempt-life.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { AttemptDraft, StageDraft } from './stage-draft.ts';
import { startTracking } from './tracking.ts';

/** Starts the life of a new stage: it advances at once if nothing holds it. */
export async function enterPlan(edit: PlanEdit, stage: StageDraft): Promise<void> {
  settleStage(edit, stage, await startTracking(edit, stage, 'DEPENDENCIES'));
}

/** What the end of its dependencies means for a PLANNED stage. */
export function settleStage(edit: PlanEdit, stage: StageDraft, resolution: Resolution | undefined): void {
  if (stage.current.state !== 'PLANNED') return;
  if (resolution === 'UNSATISFIED') {
    finishStage(edit, stage, 'DEPENDENCIES_UNSATISFIED');
  } else if (resolution === 'SATISFIED') {
    edit.moveStage(stage, 'ATTEMPTING');
    queueAttempt(edit, stage, 0);
  }
}

/** How an attempt ends. `final` with INCOMPLETE: no further attempt is made. */
export type AttemptEnd =
  | { readonly state: 'COMPLETE' }
  | { readonly state: 'INCOMPLETE'; readonly failure: Failure | undefined; readonly final: boolean };

export type EndOptions = {
  /** The stage becomes FINAL whatever its continuation group. */
  readonly force?: boolean;
  /** Somebody else than the executor ended the attempt: why the execution is to be stopped. */
  readonly stop?: string;
};

/** Ends the live attempt and takes the stage on: to the next attempt by policy, or to its conclusion. */
export async function endAttempt(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  end: AttemptEnd,
  { force = false, stop }: EndOptions = {},
): Promise<void> {
  const retries = willRetry(edit, stage, attempt, end);
  await closeResults(edit, stage, attempt, retries);
  edit.changeAttempt(stage, attempt, {
    state: end.state,
    failure: end.state === 'INCOMPLETE' ? (end.failure ?? attempt.current.failure) : undefined,
    endedAt: edit.origin.at,
    heartbeatBy: undefined,
    cancelBy: undefined,
    confirmBy: undefined,
  });
  if (stop !== undefined) orderStop(edit, stage, attempt, 'CANCEL', stop);
  if (retries) {
    const { policy } = stage.current;
    queueAttempt(edit, stage, backoffDelayMs(policy, attempt.current.idx, edit.origin.random()));
  } else {
    await concludeStage(edit, stage, reasonOf(edit, stage, attempt, end), force);
  }
}

/** Whether an attempt that ends so is followed by another one. */
export function willRetry(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, end: AttemptEnd): boolean {
  if (end.state === 'COMPLETE' || end.final) return false;
  return (
    !attempt.current.blockNewAttempts &&
    stage.current.cancelledAt === undefined &&
    !isPastTimeout(stage.current, edit.origin.at) &&
    attempt.current.idx < stage.current.policy.maxAttempts
  );
}

function reasonOf(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, end: AttemptEnd): ConcludedReason {
  if (end.state === 'COMPLETE') return 'ATTEMPT_COMPLETE';
  const { cancelledAt, timedOut, policy } = stage.current;
  if (cancelledAt !== undefined) return 'CANCELLED';
  if (timedOut) return 'STAGE_TIMEOUT';
  if (end.final || attempt.current.blockNewAttempts) return 'ATTEMPT_BLOCKED_RETRY';
  const isExhausted = attempt.current.idx >= policy.maxAttempts;
  return !isExhausted && isPastTimeout(stage.current, edit.origin.at) ? 'STAGE_TIMEOUT' : 'NO_RETRIES_LEFT';
}

/** The end of an attempt finalizes its results; those of an attempt that is tried again count no more. */
async function closeResults(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, superseded: boolean) {
  const planId = edit.before.id;
  const ownerId = attemptOwnerId(stage.current.id, attempt.current.idx);
  for (const { checkId, result } of await edit.uow.results.finalizeOfOwner(
    planId,
    ATTEMPT_OWNER,
    ownerId,
    edit.origin.at,
  )) {
    const check = await edit.knownCheck(checkId);
    check.results.set(result.id, result);
    edit.changeCheck(check);
  }
  if (superseded) await supersedeResults(edit, ownerId);
}

/** The outcome of a FINAL check is decided: a result that it counted goes on counting. */
async function supersedeResults(edit: PlanEdit, ownerId: string): Promise<void> {
  const planId = edit.before.id;
  for (const checkId of await edit.uow.results.checkIdsOf(planId, ATTEMPT_OWNER, ownerId)) {
    const check = await edit.knownCheck(checkId);
    if (check.current.state !== 'FINAL') await edit.uow.results.supersede(planId, checkId, ATTEMPT_OWNER, ownerId);
  }
}

/** The last attempt has ended for good: the stage waits for its continuation group, or is FINAL at once. */
async function concludeStage(edit: PlanEdit, stage: StageDraft, reason: ConcludedReason, force: boolean) {
  const isCancelled = stage.current.cancelledAt !== undefined;
  if (force || isCancelled || (await isGroupResolved(edit, stage))) {
    finishStage(edit, stage, reason);
  } else if (isPastTimeout(stage.current, edit.origin.at)) {
    timeOutGroup(edit, stage, reason);
  } else {
    edit.changeStage(stage, { concludedReason: reason });
    edit.moveStage(stage, 'AWAITING_GROUP');
  }
}

async function isGroupResolved(edit: PlanEdit, stage: StageDraft): Promise<boolean> {
  if (!stage.current.hasContinuationGroup) return stage.current.openChildren === 0;
  return (await startTracking(edit, stage, 'CONTINUATION')) !== undefined;
}

/** The continuation group of a stage in AWAITING_GROUP resolved, either way. */
export function settleContinuation(edit: PlanEdit, stage: StageDraft): void {
  if (stage.current.state === 'AWAITING_GROUP') finishStage(edit, stage);
}

/** One child less is open; without an explicit group the last one ends the wait. */
export function childEnded(edit: PlanEdit, parent: StageDraft): void {
  parent.current = { ...parent.current, openChildren: parent.current.openChildren - 1 };
  if (!parent.current.hasContinuationGroup && parent.current.openChildren === 0) settleContinuation(edit, parent);
}

/** The stage_timeout ends the wait for the continuation group: the outcome stays that of the stage's own attempt. */
export function timeOutGroup(edit: PlanEdit, stage: StageDraft, reason = stage.current.concludedReason): void {
  invariant(reason, `stage ${stage.current.id} waits for its group without a reason`);
  edit.changeStage(stage, { concludedReason: 'STAGE_TIMEOUT', timedOut: true });
  edit.moveStage(stage, 'FINAL', outcomeOf(reason));
}

/** Makes a stage FINAL for `reason`; without one for the reason that its last attempt gave. */
export function finishStage(edit: PlanEdit, stage: StageDraft, reason?: ConcludedReason): void {
  const concludedReason = reason ?? stage.current.concludedReason;
  invariant(concludedReason, `stage ${stage.current.id} ends without a reason`);
  edit.changeStage(stage, { concludedReason });
  edit.moveStage(stage, 'FINAL', outcomeOf(concludedReason));
}

function outcomeOf(reason: ConcludedReason): Outcome {
  switch (reason) {
    case 'ATTEMPT_COMPLETE':
      return 'SUCCEEDED';
    case 'NO_RETRIES_LEFT':
    case 'ATTEMPT_BLOCKED_RETRY':
    case 'STAGE_TIMEOUT':
      return 'FAILED';
    case 'CANCELLED':
      return 'CANCELLED';
    case 'DEPENDENCIES_UNSATISFIED':
    case 'SKIPPED_BY_WRITER':
      return 'SKIPPED';
  }
}
