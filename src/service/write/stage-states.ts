import { AppError } from '../../domain/error.ts';
import { describeNode } from '../../domain/node.ts';
import { stageMachine } from '../../domain/stage-machine.ts';
import { cancelStage } from '../edit/cancel.ts';
import { enterPlan, finishStage } from '../edit/stage-life.ts';
import { startTracking } from '../edit/tracking.ts';
import { assertWriterMay, dependenciesOpen } from './transitions.ts';
import type { StageOp, WriteContext } from './write-context.ts';

/**
 * Brings new stages to life (those born into a cancelled plan or parent are cancelled at once), and makes the moves of
 * a writer that need no attempt: skipping a PLANNED stage, ending the wait of one in AWAITING_GROUP.
 */
export async function startStages(context: WriteContext, reason: string): Promise<void> {
  const { edit, parent } = context;
  for (const op of context.stages) {
    const { draft, write } = op;
    const state = draft.before?.state ?? 'NEW';
    if (write.state !== undefined) assertWriterMay(stageMachine, nameOf(op), state, write.state);
    if (write.state === 'FINAL' && (state === 'PLANNED' || state === 'AWAITING_GROUP')) {
      assertNoFailure(op, state);
      finishStage(edit, draft, state === 'PLANNED' ? 'SKIPPED_BY_WRITER' : undefined);
    }
    if (state !== 'NEW') continue;
    if (write.cancel || edit.isCancelled || parent?.current.cancelledAt !== undefined) {
      await startTracking(edit, draft, 'DEPENDENCIES');
      await cancelStage(edit, draft, edit.isCancelled ? edit.plan.cancelReason : reason);
    } else {
      await enterPlan(edit, draft);
    }
  }
}

function assertNoFailure(op: StageOp, state: string): void {
  if (op.write.failure === undefined) return;
  throw new AppError('NO_LIVE_ATTEMPT', `${nameOf(op)} is ${state}: a failure needs a live attempt that it ends`, {
    metadata: { stage_id: op.write.id, stage_state: state },
  });
}

/** At the end: a stage that the writer wants ATTEMPTING must have got an attempt by its dependencies. */
export function assertAttempted(op: StageOp): void {
  const { write, draft } = op;
  if (write.state !== 'ATTEMPTING') return;
  const { state, outcome, attemptCount, cancelledAt } = draft.current;
  if (attemptCount > 0 || cancelledAt !== undefined) return;
  throw dependenciesOpen(nameOf(op), 'ATTEMPTING', outcome ?? state);
}

export function nameOf({ write }: StageOp): string {
  return describeNode({ type: 'STAGE', id: write.id });
}
