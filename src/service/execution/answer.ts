import { ATTEMPT_OWNER, attemptOwnerId } from '../../domain/check.ts';
import { checkMachine } from '../../domain/check-machine.ts';
import { AppError } from '../../domain/error.ts';
import type { Failure } from '../../domain/failure.ts';
import type { Limits } from '../../domain/limits.ts';
import { describeNode } from '../../domain/node.ts';
import { addProgress, mergeDetails } from '../edit/attempt-record.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { enterPlanned, finalizeCheck } from '../edit/check-life.ts';
import { assertJson } from '../edit/json-size.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { propagate } from '../edit/propagate.ts';
import { resultNotAccepted, storeResult } from '../edit/result-record.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';
import { type AttemptEnd, endAttempt, willRetry } from '../edit/stage-life.ts';
import type { CheckUpdate, ExecutionAnswer } from '../executor/executor.ts';
import { assertWriterMay, dependenciesOpen } from '../write/transitions.ts';

/** The attempt that answers. */
type Answering = {
  readonly edit: PlanEdit;
  readonly stage: StageDraft;
  readonly attempt: AttemptDraft;
  readonly limits: Limits;
};

/**
 * Applies an executor's answer: check updates, the attempt's end and the stage's advance, all in one edit (semantics,
 * section 9). An answer that leads to a retry leaves its updates as that attempt's results and moves no check. Rejects
 * the whole answer for an unknown check, an illegal move, a result that its check does not take, or a broken limit.
 */
export async function applyAnswer(answering: Answering, answer: ExecutionAnswer): Promise<void> {
  const { edit, stage, attempt, limits } = answering;
  const end = endOf(answer, edit.origin.at);
  const leadsToRetry = willRetry(edit, stage, attempt, end);
  /** Results for checks that do not take them yet: the end of the stage may bring those to WAITING by their goals. */
  const early = new Map<string, CheckUpdate>();
  edit.onWaiting = async (check) => {
    const update = early.get(check.current.id);
    early.delete(check.current.id);
    // The end of the attempt finalizes its results, also those that are taken only after it.
    if (update !== undefined) await storeUpdate(answering, check, { ...update, finalize: true });
  };
  for (const update of answer.checkUpdates) {
    const check = await checkOf(edit, update.checkId);
    if (check.current.state === 'FINAL') noteSkipped(answering, update.checkId);
    else if (leadsToRetry) await storeUpdate(answering, check, update);
    else if (update.state === 'FINAL') await endCheck(answering, check, update);
    else if (await moveCheck(edit, check, update)) await storeUpdate(answering, check, update);
    else if (hasResult(update)) early.set(update.checkId, update);
  }
  if (answer.details !== undefined) await mergeDetails(edit, stage, attempt, answer.details, limits.jsonBytes);
  await endAttempt(edit, stage, attempt, end);
  await propagate(edit);
  for (const update of early.values()) await settleEarly(answering, update);
}

function endOf(answer: ExecutionAnswer, at: number): AttemptEnd {
  if (answer.failure === undefined) return { state: 'COMPLETE' };
  return { state: 'INCOMPLETE', failure: { ...answer.failure, occurredAt: at }, final: answer.verdict };
}

async function checkOf(edit: PlanEdit, checkId: string): Promise<CheckDraft> {
  const check = await edit.check(checkId);
  if (check !== undefined) return check;
  const message = `the answer updates check "${checkId}", which the plan does not have`;
  throw new AppError('CHECK_NOT_FOUND', message, { metadata: { resource_type: 'check', resource_name: checkId } });
}

async function endCheck(answering: Answering, check: CheckDraft, update: CheckUpdate): Promise<void> {
  await storeUpdate(answering, check, update);
  await finalizeCheck(answering.edit, check);
}

/**
 * Moves a check as a writer would: to PLANNED; WAITING is reached by satisfied dependencies only. Answers whether the
 * check takes results now.
 */
async function moveCheck(edit: PlanEdit, check: CheckDraft, { checkId, state: wanted }: CheckUpdate): Promise<boolean> {
  const { state } = check.current;
  if (wanted !== undefined && wanted !== state) {
    const name = describeNode({ type: 'CHECK', id: checkId });
    assertWriterMay(checkMachine, name, state, wanted);
    if (state !== 'PLANNING') throw dependenciesOpen(name, wanted, state);
    await enterPlanned(edit, check);
  }
  return check.current.state === 'WAITING';
}

function hasResult({ data, failure, finalize }: CheckUpdate): boolean {
  return data !== undefined || failure !== undefined || finalize;
}

/** Stores what the attempt found out. The caller has judged the check's state. */
async function storeUpdate(answering: Answering, check: CheckDraft, update: CheckUpdate): Promise<void> {
  const { edit, stage, attempt, limits } = answering;
  if (!hasResult(update)) return;
  const { checkId, data, finalize } = update;
  if (data !== undefined) assertJson(data, limits, `the result on check "${checkId}"`);
  const failure = update.failure === undefined ? undefined : { ...update.failure, occurredAt: undefined };
  const ownerId = attemptOwnerId(stage.current.id, attempt.current.idx);
  await storeResult(
    edit,
    check,
    { ownerType: ATTEMPT_OWNER, ownerId, data, finalize, failure },
    limits.resultsPerCheck,
  );
}

/** In a cancelled plan no check moves any more: what an attempt found out within its grace is kept all the same. */
async function settleEarly(answering: Answering, update: CheckUpdate): Promise<void> {
  const check = await checkOf(answering.edit, update.checkId);
  if (check.current.state === 'FINAL') noteSkipped(answering, update.checkId);
  else if (answering.edit.isCancelled) await storeUpdate(answering, check, { ...update, finalize: true });
  else throw resultNotAccepted(check, check.current.state);
}

/** A check that ended meanwhile takes no update; the attempt's progress tells. */
function noteSkipped({ edit, stage, attempt, limits }: Answering, checkId: string): void {
  if (attempt.current.progressCount >= limits.progressPerAttempt) return;
  addProgress(edit, stage, attempt, {
    message: `CHECK_ALREADY_FINAL: the update for check "${checkId}" was skipped`,
    timestamp: edit.origin.at,
    details: undefined,
    percent: undefined,
    idempotencyKey: '',
  });
}

/** The failure of an attempt whose answer was refused. */
export function refusedAnswer(error: AppError, at: number): Failure {
  return { message: `the executor's answer was refused: ${error.message}`, reason: 'RUNNER_ERROR', occurredAt: at };
}
