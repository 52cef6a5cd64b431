import { ATTEMPT_OWNER, parseAttemptOwnerId } from '../../domain/check.ts';
import { AppError } from '../../domain/error.ts';
import { describeNode } from '../../domain/node.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { findResult, isSameResult, storeResult } from '../edit/result-record.ts';
import type { CheckResultWrite } from '../requests.ts';
import type { CheckOp, WriteContext } from './write-context.ts';

/** Creates or replaces the owner's result. The caller has judged the check's state. */
export async function writeResult(context: WriteContext, op: CheckOp, write: CheckResultWrite): Promise<void> {
  const { edit, rules } = context;
  const changed = await storeResult(edit, op.draft, write, rules.limits.resultsPerCheck);
  if (changed && write.ownerType === ATTEMPT_OWNER) context.attemptOwners.push({ op, ownerId: write.ownerId });
}

/** A write to a FINAL check is fine as long as it repeats what is stored. */
export async function assertRepeatedResult({ edit }: WriteContext, { draft, write }: CheckOp): Promise<void> {
  if (write.result === undefined) return;
  const stored = await findResult(edit, draft, write.result);
  if (stored !== undefined && isSameResult(stored, write.result)) return;
  throw resultNotAccepted(draft, 'FINAL');
}

export function resultNotAccepted(check: CheckDraft, state: string): AppError {
  const { id } = check.current;
  const remedy =
    state === 'FINAL' ? 'it is FINAL for ever' : 'results are taken in WAITING, or together with state FINAL';
  return new AppError(
    state === 'FINAL' ? 'NODE_FINAL' : 'RESULT_NOT_ACCEPTED',
    `${describeNode({ type: 'CHECK', id })} is ${state} and takes no result: ${remedy}`,
    {
      metadata: { check_id: id, state },
    },
  );
}

/** Results in the name of an attempt must come while that attempt is its stage's live one. */
export async function assertLiveOwners({ edit, attemptOwners }: WriteContext): Promise<void> {
  for (const { op, ownerId } of attemptOwners.splice(0)) {
    const owner = parseAttemptOwnerId(ownerId);
    const stage = owner === undefined ? undefined : await edit.stage(owner.stageId);
    if (stage?.current.state === 'ATTEMPTING' && stage.current.attemptCount === owner?.idx) continue;
    throw new AppError(
      'STALE_ATTEMPT',
      `check "${op.write.id}": owner "${ownerId}" is no live attempt of a stage of this plan (expected STAGE:IDX)`,
      { metadata: { check_id: op.write.id, owner_type: ATTEMPT_OWNER, owner_id: ownerId } },
    );
  }
}
