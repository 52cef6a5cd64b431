import { failAttempt } from './attempts.ts';
import type { Attempt, Plan, Stage } from './state.ts';

/** An attempt whose runner has begun nothing is in its queue again, at no cost; one that was told to stop ends instead. */
export function takeBack(plan: Plan, stage: Stage, attempt: Attempt, now: number): void {
  attempt.state = 'PENDING';
  attempt.processUid = undefined;
  attempt.handedOut = undefined;
  attempt.deadline = undefined;
  attempt.heartbeatBy = undefined;
  attempt.availableAt = now;
  const reason = stage.cancelled ? 'CANCELLED' : 'TIMEOUT';
  if (stage.cancelled || stage.timedOut) failAttempt(plan, stage, attempt, { message: undefined, reason }, now);
}
