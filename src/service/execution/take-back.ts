import { takeBack } from '../edit/attempt-life.ts';
import { endCancelled } from '../edit/cancel.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { LiveAttempt } from './live-attempt.ts';
import { endTimedOut } from './time-out.ts';

/**
 * Takes an attempt back from a runner that has begun nothing. Of a stage that was told to stop meanwhile, nobody takes it
 * up again: it ends. A runner that declines an offer about which it has reported already has begun, whatever it says.
 */
export async function takeBackLive(edit: PlanEdit, { stage, attempt }: LiveAttempt): Promise<void> {
  if (attempt.current.dispatch === 'RUN_ASYNC' && attempt.current.state !== 'PENDING') return;
  takeBack(edit, stage, attempt);
  if (stage.current.cancelledAt !== undefined) await endCancelled(edit, stage, stage.current.cancelReason);
  else if (stage.current.timedOut) await endTimedOut(edit, { stage, attempt });
}
