import { ATTEMPT_OWNER, attemptOwnerId } from '../../domain/check.ts';
import { checkMachine } from '../../domain/check-machine.ts';
import { AppError } from '../../domain/error.ts';
import type { Failure } from '../../domain/failure.ts';
import type { Limits } from '../../domain/limits.ts';
import { describeNode } from '../../domain/node.ts';
import { addProgress, mergeDetails } from '../edit/attempt-record.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { enterPlanned, finalizeCheck } from '../edit/check-life.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { propagate } from '../edit/propagate.ts';
import { storeResult } from '../edit/result-record.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';
import { type AttemptEnd, endAttempt, willRetry } from '../edit/stage-life.ts';
import type { CheckUpdate, ExecutionAnswer } from '../executor/executor.ts';
import { assertWriterMay } from '../write/transitions.ts';

/**
 * Applies an executor's answer: check updates, the attempt's end and the stage's advance, all in one edit (semantics,
 * section 9). An answer that leads to a retry leaves its updates as that attempt's results and moves no check. Rejects
 * the whole answer for an unknown check, an illegal move or a broken limit.
 */
export async function applyAnswer(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  answer: ExecutionAnswer,
  limits: Limits,
): Promise<void> {
  const end = endOf(answer, edit.origin.at);
  const movesChecks = !willRetry(edit, stage, attempt, end);
  for (const update of answer.checkUpdates) await applyUpdate(edit, stage, attempt, update, movesChecks, limits);
  if (answer.details !== undefined) await mergeDetails(edit, stage, attempt, answer.details, limits.jsonBytes);
  await endAttempt(edit, stage, attempt, end);
  await propagate(edit);
}

function endOf(answer: ExecutionAnswer, at: number): AttemptEnd {
  if (answer.failure === undefined) return { state: 'COMPLETE' };
  return { state: 'INCOMPLETE', failure: { ...answer.failure, occurredAt: at }, final: answer.verdict };
}

async function applyUpdate(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  update: CheckUpdate,
  movesChecks: boolean,
  limits: Limits,
): Promise<void> {
  const check = await edit.check(update.checkId);
  if (check === undefined) {
    throw new AppError(
      'CHECK_NOT_FOUND',
      `the answer updates check "${update.checkId}", which the plan does not have`,
      {
        metadata: { resource_type: 'check', resource_name: update.checkId },
      },
    );
  }
  if (check.current.state === 'FINAL') {
    noteSkipped(edit, stage, attempt, update.checkId, limits);
    return;
  }
  const { checkId, data, finalize, failure } = update;
  if (data !== undefined || failure !== undefined || finalize) {
    const ownerId = attemptOwnerId(stage.current.id, attempt.current.idx);
    const write = {
      ownerType: ATTEMPT_OWNER,
      ownerId,
      data,
      finalize,
      failure: failure === undefined ? undefined : { ...failure, occurredAt: undefined },
    };
    await storeResult(edit, check, write, limits.resultsPerCheck);
  }
  if (movesChecks && update.state !== undefined) await moveCheck(edit, check, update, checkId);
}

async function moveCheck(edit: PlanEdit, check: CheckDraft, update: CheckUpdate, checkId: string): Promise<void> {
  const { state } = check.current;
  if (update.state === undefined || update.state === state) return;
  assertWriterMay(checkMachine, describeNode({ type: 'CHECK', id: checkId }), state, update.state);
  if (update.state === 'FINAL') await finalizeCheck(edit, check);
  else if (state === 'PLANNING') await enterPlanned(edit, check);
  await propagate(edit);
}

/** A check that ended meanwhile takes no update; the attempt's progress tells. */
function noteSkipped(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, checkId: string, limits: Limits): void {
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
