import { type Attempt, type DispatchKind, isLive } from '../../domain/attempt.ts';
import type { StopOrder } from './edit-effects.ts';
import type { PlanEdit } from './plan-edit.ts';
import { type AttemptDraft, newAttemptDraft, type StageDraft } from './stage-draft.ts';

/** How long the holder of an attempt may take to stop before the server ends the attempt. */
export const STOP_GRACE_MS = 10_000;

/** How long an attempt that a runner acquired waits to be heard of before it goes back into the queue. */
export const CONFIRM_MS = 30_000;

/** Creates the next attempt, PENDING; `delayMs` is its backoff. */
export function queueAttempt(edit: PlanEdit, stage: StageDraft, delayMs: number): void {
  const { at } = edit.origin;
  const idx = stage.current.attemptCount + 1;
  const attempt: Attempt = {
    planId: edit.before.id,
    stageId: stage.current.id,
    idx,
    state: 'PENDING',
    createdAt: at,
    updatedAt: at,
    endedAt: undefined,
    availableAt: at + delayMs,
    failure: undefined,
    cancelBy: undefined,
    answerDigest: undefined,
    progressPercent: 0,
    progressCount: 0,
    blockNewAttempts: false,
    ...unowned,
  };
  const draft = newAttemptDraft(undefined, attempt);
  stage.attempts.set(idx, draft);
  edit.queued.push({ stage, attempt: draft });
  edit.changeStage(stage, { attemptCount: idx });
}

/** What an attempt is like that waits in its queue. */
const unowned = {
  processUid: undefined,
  executionId: undefined,
  dispatch: undefined,
  runnerId: undefined,
  startedAt: undefined,
  deadline: undefined,
  heartbeatBy: undefined,
  confirmBy: undefined,
} as const;

/** Who gets an attempt, and how. */
export type Handover = {
  readonly executionId: string;
  readonly dispatch: DispatchKind;
  readonly runnerId: string | undefined;
};

/**
 * Hands a PENDING attempt that nobody owns to an executor: its attempt_timeout counts from now on. A builtin or acquired
 * one is RUNNING at once; one that is about to be pushed is reserved, and stays PENDING until the call has gone out.
 */
export function handOver(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, to: Handover): void {
  const { at } = edit.origin;
  edit.changeAttempt(stage, attempt, {
    processUid: to.executionId,
    executionId: to.executionId,
    dispatch: to.dispatch,
    runnerId: to.runnerId,
    deadline: at + stage.current.policy.attemptTimeoutMs,
  });
  if (to.dispatch === 'BUILTIN' || to.dispatch === 'ACQUIRE') moveOn(edit, stage, attempt, 'RUNNING');
  if (to.dispatch === 'ACQUIRE') edit.changeAttempt(stage, attempt, { confirmBy: at + CONFIRM_MS });
}

/** PENDING → SCHEDULED → RUNNING: from here on the holder owes heartbeats, and the attempt_timeout counts. */
export function moveOn(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  state: 'SCHEDULED' | 'RUNNING',
  startedAt = edit.origin.at,
): void {
  edit.changeAttempt(stage, attempt, {
    state,
    deadline: attempt.current.deadline ?? edit.origin.at + stage.current.policy.attemptTimeoutMs,
    ...(state === 'RUNNING' ? { startedAt } : {}),
  });
  beat(edit, stage, attempt);
}

/**
 * A sign of life from the holder. It changes nothing that clients are told of: no version, no event. Executors of the
 * server's own owe none, since they live and die with it.
 */
export function beat(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft): void {
  const { state, dispatch, confirmBy } = attempt.current;
  if (confirmBy !== undefined) edit.touchAttempt(attempt, { confirmBy: undefined });
  const { heartbeatTimeoutMs } = stage.current.policy;
  if (heartbeatTimeoutMs === 0 || dispatch === 'BUILTIN' || (state !== 'SCHEDULED' && state !== 'RUNNING')) return;
  edit.touchAttempt(attempt, { heartbeatBy: edit.origin.at + heartbeatTimeoutMs });
}

/**
 * Takes an attempt back from a runner that has begun nothing: it is in its queue again, at no cost, behind those that
 * wait already, so that one which no runner takes keeps none of them waiting.
 */
export function takeBack(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft): void {
  edit.changeAttempt(stage, attempt, { state: 'PENDING', availableAt: edit.origin.at, ...unowned });
}

/** An acquired attempt is answered to its runner once more: the time to be heard of runs anew. */
export function answerAgain(edit: PlanEdit, attempt: AttemptDraft): void {
  edit.touchAttempt(attempt, { confirmBy: edit.origin.at + CONFIRM_MS });
}

/** Asks the holder of a live attempt to stop, and gives it a grace time to answer. */
export function askToStop(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  cause: StopOrder['cause'],
  reason: string,
): void {
  const cancelBy = Math.min(attempt.current.cancelBy ?? Number.POSITIVE_INFINITY, edit.origin.at + STOP_GRACE_MS);
  edit.changeAttempt(stage, attempt, { cancelBy });
  orderStop(edit, stage, attempt, cause, reason);
}

/** Has the execution of an attempt stopped, if the server handed it out: once the edit is durable. */
export function orderStop(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  cause: StopOrder['cause'],
  reason: string,
): void {
  const { executionId, dispatch, runnerId, state } = attempt.current;
  if (executionId === undefined || dispatch === undefined) return;
  const { runnerType } = stage.current;
  edit.effects.stops.push({ executionId, dispatch, runnerId, runnerType, cause, reason, hasEnded: !isLive(state) });
}
