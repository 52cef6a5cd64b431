import { ATTEMPT_OWNER, type CheckResult, parseAttemptOwnerId } from '../../domain/check.ts';
import { AppError } from '../../domain/error.ts';
import { type Failure, sameFailure } from '../../domain/failure.ts';
import { jsonEqual } from '../../domain/json.ts';
import { describeNode } from '../../domain/node.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { insertResult } from '../edit/check-life.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { CheckResultWrite, FailureWrite } from '../requests.ts';
import type { CheckOp, WriteContext } from './write-context.ts';

/** A failure as stored; unset times are the edit's. */
export function failureOf(write: FailureWrite | undefined, at: number): Failure | undefined {
  if (write === undefined) return undefined;
  return { message: write.message, reason: write.reason, occurredAt: write.occurredAt ?? at };
}

/** Creates or replaces the owner's result. The caller has judged the check's state. */
export async function writeResult(context: WriteContext, op: CheckOp, write: CheckResultWrite): Promise<void> {
  const { edit, rules } = context;
  const changed = await storeResult(edit, op.draft, write, rules.limits.resultsPerCheck);
  if (changed && write.ownerType === ATTEMPT_OWNER) context.attemptOwners.push({ op, ownerId: write.ownerId });
}

/** Answers whether anything changed; an equal repeat of a finalized result is a no-op. */
export async function storeResult(
  edit: PlanEdit,
  check: CheckDraft,
  write: CheckResultWrite,
  limit: number,
): Promise<boolean> {
  const { at } = edit.origin;
  const { ownerType, ownerId } = write;
  const stored = await findResult(edit, check, write);
  const failure = failureOf(write.failure, at);
  const finalizedAt = write.finalize ? at : undefined;
  if (stored === undefined) {
    assertRoom(check, limit);
    await insertResult(edit, check, {
      id: 0,
      ownerType,
      ownerId,
      data: write.data,
      failure,
      createdAt: at,
      finalizedAt,
    });
    return true;
  }
  const isEqual = isSameResult(stored, write);
  if (isEqual && (stored.finalizedAt !== undefined || !write.finalize)) return false;
  if (stored.finalizedAt !== undefined) throw resultFinalized(check, stored);
  const next: CheckResult = {
    ...stored,
    data: write.data ?? stored.data,
    failure: sameFailure(stored.failure, failure) ? stored.failure : nextFailure(stored, write, failure),
    finalizedAt,
  };
  await edit.uow.results.replace(edit.before.id, check.current.id, next);
  check.results.set(next.id, next);
  edit.changeCheck(check);
  return true;
}

function findResult(edit: PlanEdit, check: CheckDraft, { ownerType, ownerId }: CheckResultWrite) {
  if (check.current.resultCount === 0) return Promise.resolve(undefined);
  return edit.uow.results.find(edit.before.id, check.current.id, ownerType, ownerId);
}

/** New data is a new answer: a failure of the old one goes unless it is given again. Without data it stays. */
function nextFailure(stored: CheckResult, write: CheckResultWrite, failure: Failure | undefined): Failure | undefined {
  return write.data === undefined ? (failure ?? stored.failure) : failure;
}

function isSameResult(stored: CheckResult, write: CheckResultWrite): boolean {
  const sameData = write.data === undefined || jsonEqual(write.data, stored.data ?? {});
  return sameData && sameFailure(nextFailure(stored, write, failureOf(write.failure, 0)), stored.failure);
}

function assertRoom(check: CheckDraft, limit: number): void {
  if (check.current.resultCount < limit) return;
  throw new AppError('RESULTS_LIMIT', `check "${check.current.id}" has ${limit} results already; no more are kept`, {
    metadata: { check_id: check.current.id, limit: String(limit) },
  });
}

function resultFinalized(check: CheckDraft, stored: CheckResult): AppError {
  const owner = `${stored.ownerType} "${stored.ownerId}"`;
  return new AppError('RESULT_FINALIZED', `the result of ${owner} on check "${check.current.id}" is final`, {
    metadata: { check_id: check.current.id, owner_type: stored.ownerType, owner_id: stored.ownerId },
  });
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
