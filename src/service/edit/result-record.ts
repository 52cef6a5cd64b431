import type { CheckResult } from '../../domain/check.ts';
import { AppError } from '../../domain/error.ts';
import { type Failure, sameFailure } from '../../domain/failure.ts';
import { jsonEqual } from '../../domain/json.ts';
import { describeNode } from '../../domain/node.ts';
import type { CheckResultWrite, FailureWrite } from '../requests.ts';
import type { CheckDraft } from './check-draft.ts';
import type { PlanEdit } from './plan-edit.ts';

/** A failure as stored; unset times are the edit's. */
export function failureOf(write: FailureWrite | undefined, at: number): Failure | undefined {
  if (write === undefined) return undefined;
  return { message: write.message, reason: write.reason, occurredAt: write.occurredAt ?? at };
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

/** The owner's stored result, if there is one. */
export function findResult(edit: PlanEdit, check: CheckDraft, { ownerType, ownerId }: CheckResultWrite) {
  if (check.current.resultCount === 0) return Promise.resolve(undefined);
  return edit.uow.results.find(edit.before.id, check.current.id, ownerType, ownerId);
}

/** New data is a new answer: a failure of the old one goes unless it is given again. Without data it stays. */
function nextFailure(stored: CheckResult, write: CheckResultWrite, failure: Failure | undefined): Failure | undefined {
  return write.data === undefined ? (failure ?? stored.failure) : failure;
}

/** Whether a write repeats what is stored. */
export function isSameResult(stored: CheckResult, write: CheckResultWrite): boolean {
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

/** Stores a new result; the check's row is stored first if the check is new, with all that were created before it. */
export async function insertResult(edit: PlanEdit, check: CheckDraft, result: CheckResult): Promise<void> {
  const planId = edit.before.id;
  if (!check.stored) await storeNewChecks(edit);
  const inserted = await edit.uow.results.insert(planId, check.current.id, result);
  check.results.set(inserted.id, inserted);
  edit.changeCheck(check, { resultCount: check.current.resultCount + 1 });
}

/** Rows are inserted in the order of creation, which is the order in which clients get to see nodes. */
async function storeNewChecks(edit: PlanEdit): Promise<void> {
  for (const check of edit.checks.values()) {
    if (check.stored) continue;
    await edit.uow.checks.insert(check.current, check.options);
    check.stored = true;
  }
}

/** The refusal of a result that comes in the wrong state of its check. */
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
