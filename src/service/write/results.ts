import { isLive } from '../../domain/attempt.ts';
import { ATTEMPT_OWNER, parseAttemptOwnerId } from '../../domain/check.ts';
import { AppError } from '../../domain/error.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { findResult, isSameResult, resultNotAccepted, storeResult } from '../edit/result-record.ts';
import type { CheckResultWrite } from '../requests.ts';
import type { CheckOp, WriteContext } from './write-context.ts';

/** Creates or replaces the owner's result. The caller has judged the check's state. */
export async function writeResult(context: WriteContext, op: CheckOp, write: CheckResultWrite): Promise<void> {
  const { edit, rules } = context;
  const isAttempts = write.ownerType === ATTEMPT_OWNER;
  // The end of an attempt finalizes its results, also one that is taken only after it, in the same write.
  const isLast = isAttempts && (await standingOf(edit, write.ownerId)) === 'ENDED_NOW';
  const result = { ...write, finalize: write.finalize || isLast };
  const changed = await storeResult(edit, op.draft, result, rules.limits.resultsPerCheck);
  if (changed && isAttempts) context.attemptOwners.push({ op, ownerId: write.ownerId });
}

/** A write to a FINAL check is fine as long as it repeats what is stored. */
export async function assertRepeatedResult({ edit }: WriteContext, { draft, write }: CheckOp): Promise<void> {
  if (write.result === undefined) return;
  const stored = await findResult(edit, draft, write.result);
  if (stored !== undefined && isSameResult(stored, write.result)) return;
  throw resultNotAccepted(draft, 'FINAL');
}

/** Results in the name of an attempt must come while it is its stage's live one, at the latest with its end. */
export async function assertOwnersMeant({ edit, attemptOwners }: WriteContext): Promise<void> {
  for (const { op, ownerId } of attemptOwners.splice(0)) {
    if ((await standingOf(edit, ownerId)) !== 'STALE') continue;
    throw new AppError(
      'STALE_ATTEMPT',
      `check "${op.write.id}": owner "${ownerId}" is no live attempt of a stage of this plan (expected STAGE:IDX)`,
      { metadata: { check_id: op.write.id, owner_type: ATTEMPT_OWNER, owner_id: ownerId } },
    );
  }
}

/** How the attempt that an owner id names stands: live, ended by this very write, or not the stage's live one. */
async function standingOf(edit: PlanEdit, ownerId: string): Promise<'LIVE' | 'ENDED_NOW' | 'STALE'> {
  const owner = parseAttemptOwnerId(ownerId);
  const stage = owner === undefined ? undefined : await edit.stage(owner.stageId);
  if (stage === undefined || stage.current.attemptCount !== owner?.idx) return 'STALE';
  if (stage.current.state === 'ATTEMPTING') return 'LIVE';
  const attempt = stage.attempts.get(owner.idx);
  const wasLive = attempt !== undefined && (attempt.before === undefined || isLive(attempt.before.state));
  return wasLive ? 'ENDED_NOW' : 'STALE';
}
