import { checkMachine } from '../../domain/check-machine.ts';
import { describeNode } from '../../domain/node.ts';
import { enterPlanned, finalizeCheck } from '../edit/check-life.ts';
import { assertRepeatedResult, writeResult } from './results.ts';
import { assertWriterMay, dependenciesOpen } from './transitions.ts';
import type { CheckOp, WriteContext } from './write-context.ts';

/** First the ends: checks that the write makes FINAL, with the results that come with them. */
export async function endChecks(context: WriteContext): Promise<void> {
  const { edit } = context;
  for (const op of context.checks) {
    const { draft, write } = op;
    const state = draft.before?.state ?? 'NEW';
    if (write.state !== undefined) assertWriterMay(checkMachine, nameOf(op), state, write.state);
    const isCancelled = isBornCancelled(context, op);
    if (write.state !== 'FINAL' && !isCancelled) continue;
    if (state === 'FINAL') {
      await assertRepeatedResult(context, op);
      continue;
    }
    if (write.result !== undefined) await writeResult(context, op, write.result);
    await finalizeCheck(edit, draft, isCancelled ? 'CANCELLED' : undefined);
  }
}

/** Checks that are written into a cancelled plan are accepted, and FINAL from the start. */
export function isBornCancelled({ edit }: Pick<WriteContext, 'edit'>, { draft }: CheckOp): boolean {
  return draft.before === undefined && edit.isCancelled;
}

/** Then the beginnings: checks that the write makes PLANNED are tracked and advance as far as they can. */
export async function planChecks({ edit, checks }: WriteContext): Promise<void> {
  for (const { draft, write } of checks) {
    const isAsked = write.state === 'PLANNED' || write.state === 'WAITING';
    if (isAsked && draft.current.state === 'PLANNING') await enterPlanned(edit, draft);
  }
}

/** At the end: a check that the writer wants WAITING must have got there by its dependencies. */
export function assertWaiting(op: CheckOp): void {
  const { write, draft } = op;
  if (write.state !== 'WAITING') return;
  const { state, outcome } = draft.current;
  if (state === 'PLANNING' || state === 'PLANNED' || outcome === 'SKIPPED') {
    throw dependenciesOpen(nameOf(op), 'WAITING', outcome ?? state);
  }
}

export function nameOf({ write }: CheckOp): string {
  return describeNode({ type: 'CHECK', id: write.id });
}
