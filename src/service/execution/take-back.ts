import { takeBack } from '../edit/attempt-life.ts';
import { endCancelled } from '../edit/cancel.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { LiveAttempt } from './live-attempt.ts';
import { endTimedOut } from './time-out.ts';

/**
 * Takes an attempt back from a runner that has begun nothing. Of a stage that was told to stop meanwhile, nobody takes it
 * up again: it ends. A runner that has been heard of has begun, whatever came after that.
 */
export async function takeBackLive(edit: PlanEdit, { stage, attempt }: LiveAttempt): Promise<void> {
  const { dispatch, state, confirmBy } = attempt.current;
  if (dispatch === 'RUN_ASYNC' && state !== 'PENDING') return;
  if (dispatch === 'ACQUIRE' && confirmBy === undefined) return;
  takeBack(edit, stage, attempt);
  if (stage.current.cancelledAt !== undefined) await endCancelled(edit, stage, stage.current.cancelReason);
  else if (stage.current.timedOut) await endTimedOut(edit, { stage, attempt });
}
