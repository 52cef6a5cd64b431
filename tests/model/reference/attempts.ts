import { finalizeResultsOf } from './results.ts';
import type { Attempt, ConcludedReason, Failure, Outcome, Plan, Policy, Stage } from './state.ts';

/** The life of attempts, and what their ends mean for the stage: sections 3 and 4. */

/** Randomness of the backoff as the test gives it to the service. */
const JITTER = 0.5;

function newAttempt(idx: number, availableAt: number): Attempt {
  return {
    idx,
    state: 'PENDING',
    processUid: undefined,
    failure: undefined,
    details: undefined,
    progress: [],
    progressPercent: 0,
    blockNewAttempts: false,
    availableAt,
    deadline: undefined,
    heartbeatBy: undefined,
    stopBy: undefined,
    handedOut: undefined,
    answer: undefined,
  };
}

/** A stage whose dependencies are satisfied gets its first attempt. */
export function beginAttempting(stage: Stage, now: number): void {
  stage.state = 'ATTEMPTING';
  stage.attempts.push(newAttempt(1, now));
}

/** attempt_timeout counts from leaving the queue. */
export function leaveQueue(stage: Stage, attempt: Attempt, now: number): void {
  attempt.deadline ??= now + stage.policy.attemptTimeoutMs;
}

/** PENDING → SCHEDULED → RUNNING. */
export function begin(stage: Stage, attempt: Attempt, state: 'SCHEDULED' | 'RUNNING', now: number): void {
  attempt.state = state;
  leaveQueue(stage, attempt, now);
  beat(stage, attempt, now);
}

/** A sign of life; due from SCHEDULED or RUNNING on. */
export function beat(stage: Stage, attempt: Attempt, now: number): void {
  if (attempt.handedOut !== undefined) attempt.handedOut.confirmBy = undefined;
  const { heartbeatTimeoutMs } = stage.policy;
  if (heartbeatTimeoutMs > 0 && attempt.state !== 'PENDING') attempt.heartbeatBy = now + heartbeatTimeoutMs;
}

/** Ceiling of the delay before the attempt after `ended` ended ones, with full jitter. */
export function backoffMs(policy: Policy, ended: number): number {
  return Math.floor(
    JITTER * Math.min(policy.backoffMaxMs, policy.backoffInitialMs * policy.backoffMultiplier ** (ended - 1)),
  );
}

/** COMPLETE: the stage goes on. */
export function completeAttempt(plan: Plan, stage: Stage, attempt: Attempt, now: number): void {
  end(plan, stage, attempt, 'COMPLETE');
  conclude(stage, 'SUCCEEDED', 'ATTEMPT_COMPLETE', now);
}

/** INCOMPLETE: another attempt, in the same commit, or the end of the stage. A verdict allows no other attempt. */
export function failAttempt(
  plan: Plan,
  stage: Stage,
  attempt: Attempt,
  failure: Failure | undefined,
  now: number,
  verdict = false,
): void {
  attempt.failure = failure;
  end(plan, stage, attempt, 'INCOMPLETE');
  const reason = verdict || attempt.blockNewAttempts ? 'ATTEMPT_BLOCKED_RETRY' : noRetryReason(stage, now);
  if (stage.cancelled) conclude(stage, 'CANCELLED', 'CANCELLED', now);
  else if (stage.timedOut) conclude(stage, 'FAILED', 'STAGE_TIMEOUT', now);
  else if (reason !== undefined) conclude(stage, 'FAILED', reason, now);
  else stage.attempts.push(newAttempt(attempt.idx + 1, now + backoffMs(stage.policy, attempt.idx)));
}

/** Why the policy allows no other attempt; undefined = it does. */
function noRetryReason(stage: Stage, now: number): ConcludedReason | undefined {
  if (stage.attempts.length >= stage.policy.maxAttempts) return 'NO_RETRIES_LEFT';
  return isPastStageTimeout(stage, now) ? 'STAGE_TIMEOUT' : undefined;
}

/** Whether a failure now would be followed by another attempt. */
export function wouldRetry(stage: Stage, attempt: Attempt, now: number): boolean {
  return !stage.cancelled && !attempt.blockNewAttempts && noRetryReason(stage, now) === undefined;
}

export function isPastStageTimeout(stage: Stage, now: number): boolean {
  const { stageTimeoutMs } = stage.policy;
  return stage.timedOut || (stageTimeoutMs > 0 && now >= stage.createdAt + stageTimeoutMs);
}

/** The last attempt has ended for good: the stage waits for its group, which may have resolved long ago. */
export function conclude(stage: Stage, outcome: Outcome, reason: ConcludedReason, now: number): void {
  stage.waitsTooLate = isPastStageTimeout(stage, now);
  stage.ownOutcome = outcome;
  stage.concludedReason = reason;
  stage.state = 'AWAITING_GROUP';
}

function end(plan: Plan, stage: Stage, attempt: Attempt, state: 'COMPLETE' | 'INCOMPLETE'): void {
  attempt.state = state;
  finalizeResultsOf(plan, stage, attempt.idx);
}
