import { failAttempt } from './attempts.ts';
import { childrenOf, isOwned, liveAttempt, type Plan, type Stage } from './state.ts';

/** Section 8. */

/** How long whoever holds an attempt may take to stop. */
const GRACE_MS = 10_000;

/** FINAL: no effect. Repeating it has none either. */
export function cancelStage(plan: Plan, stage: Stage, now: number): void {
  if (stage.state === 'FINAL' || stage.cancelled) return;
  stage.cancelled = true;
  if (stage.state === 'PLANNED') {
    stage.ownOutcome = 'CANCELLED';
    stage.concludedReason = 'CANCELLED';
    stage.state = 'FINAL';
  }
  if (stage.state === 'AWAITING_GROUP') stage.state = 'FINAL';
  stopAttempt(plan, stage, 'CANCELLED', now);
  for (const child of childrenOf(plan, stage)) cancelStage(plan, child, now);
}

/** An attempt that nobody owns ends at once; whoever holds one is told to stop, and has the grace time. */
export function stopAttempt(plan: Plan, stage: Stage, reason: 'CANCELLED' | 'TIMEOUT', now: number): void {
  const live = liveAttempt(stage);
  if (live === undefined) return;
  if (isOwned(live)) live.stopBy ??= now + GRACE_MS;
  else failAttempt(plan, stage, live, { message: undefined, reason }, now);
}

/** Every stage at once; the checks follow when no stage is left (see `advance`). A COMPLETE plan stays so. */
export function cancelPlan(plan: Plan, now: number): void {
  if (plan.state !== 'ACTIVE') return;
  plan.state = 'CANCELLED';
  for (const stage of plan.stages) cancelStage(plan, stage, now);
}
