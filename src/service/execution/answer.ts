import { ATTEMPT_OWNER, attemptOwnerId } from '../../domain/check.ts';
import { checkMachine } from '../../domain/check-machine.ts';
import { type AppError, invalidField } from '../../domain/error.ts';
import type { Failure } from '../../domain/failure.ts';
import type { Limits } from '../../domain/limits.ts';
import { describeNode } from '../../domain/node.ts';
import { addProgress, mergeDetails } from '../edit/attempt-record.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import { enterPlanned, finalizeCheck } from '../edit/check-life.ts';
import { assertJson } from '../edit/json-size.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { propagate } from '../edit/propagate.ts';
import { failureOf, resultNotAccepted, storeResult } from '../edit/result-record.ts';
import { type AttemptEnd, endAttempt, willRetry } from '../edit/stage-life.ts';
import type { ExecutionAnswer } from '../executor/executor.ts';
import type { CheckUpdate, RunnerAnswer } from '../requests.ts';
import { assertWriterMay, dependenciesOpen } from '../write/transitions.ts';
import { type LiveAttempt, stopReason } from './live-attempt.ts';

/** The attempt that answers. */
type Answering = LiveAttempt & { readonly edit: PlanEdit; readonly limits: Limits };

type AnswerFacts = {
  /** What a repeat of the answer is known by. */
  readonly answerDigest?: string | undefined;
  /** The answer came by another way than the execution itself, which is to be stopped for this reason. */
  readonly stop?: string | undefined;
};

/** What an answer says about one check. */
type UpdateOp = { readonly update: CheckUpdate; readonly check: CheckDraft };

/**
 * Applies an executor's answer: check updates, the attempt's end and the stage's advance, all in one edit (semantics,
 * section 9). An answer that leads to a retry leaves its updates as that attempt's results and moves no check. Rejects
 * the whole answer for an unknown check, an illegal move, a result that its check does not take, or a broken limit.
 */
export async function applyAnswer(
  answering: Answering,
  answer: ExecutionAnswer,
  { answerDigest, stop }: AnswerFacts = {},
): Promise<void> {
  const { edit, stage, attempt, limits } = answering;
  const end = endOf(answering, answer);
  const ops = await findChecks(edit, answer.checkUpdates);
  const open: UpdateOp[] = [];
  for (const op of ops) {
    if (op.check.current.state === 'FINAL') noteSkipped(answering, op);
    else open.push(op);
  }
  const judge = willRetry(edit, stage, attempt, end)
    ? await keepResults(answering, open)
    : await updateChecks(answering, open);
  if (answer.details !== undefined) await mergeDetails(edit, stage, attempt, answer.details, limits.jsonBytes);
  await endAttempt(edit, stage, attempt, end, stop === undefined ? {} : { stop });
  edit.changeAttempt(stage, attempt, { answerDigest });
  await propagate(edit);
  judge();
}

/** Judges what is left of an answer's updates once the plan has come to rest. */
type Judge = () => void;

function endOf({ edit, stage, attempt }: Answering, { failure, verdict }: ExecutionAnswer): AttemptEnd {
  if (failure === undefined) return { state: 'COMPLETE' };
  // An executor that was told to stop and says no more than that it failed stopped for that reason.
  const reason = failure.reason || stopReason({ stage, attempt }) || 'EXECUTOR_FAILURE';
  return { state: 'INCOMPLETE', failure: failureOf({ ...failure, reason }, edit.origin.at), final: verdict };
}

async function findChecks(edit: PlanEdit, updates: readonly CheckUpdate[]): Promise<readonly UpdateOp[]> {
  const ops: UpdateOp[] = [];
  for (const [index, update] of updates.entries()) {
    const check = await edit.check(update.checkId);
    if (check === undefined) {
      const message = `the plan has no check "${update.checkId}"; an answer updates checks, it does not create them`;
      throw invalidField(['checkUpdates', index, 'checkId'], message, 'UNKNOWN_TARGET');
    }
    ops.push({ update, check });
  }
  return ops;
}

async function keepResults(answering: Answering, ops: readonly UpdateOp[]): Promise<Judge> {
  for (const { check, update } of ops) await storeUpdate(answering, check, update);
  return () => {};
}

/**
 * Ends and moves checks, in the order of a write: first the ends, then what they allow. A result of a check that is not
 * WAITING yet is taken when the advances that follow bring it there.
 */
async function updateChecks(answering: Answering, ops: readonly UpdateOp[]): Promise<Judge> {
  const { edit } = answering;
  const early = new Map<string, CheckUpdate>();
  const onWaiting = async (check: CheckDraft): Promise<void> => {
    const update = early.get(check.current.id);
    early.delete(check.current.id);
    // The end of the attempt finalizes its results, also those that are taken only after it.
    if (update !== undefined) await storeUpdate(answering, check, { ...update, finalize: true });
  };
  edit.onWaiting = onWaiting;
  for (const { check, update } of ops) {
    if (update.state !== 'FINAL') continue;
    await storeUpdate(answering, check, update);
    await finalizeCheck(edit, check);
  }
  for (const { check, update } of ops) {
    if (update.state === 'FINAL') continue;
    await plan(edit, check, update);
    // In a cancelled plan no check moves any more: what an attempt found out within its grace is kept all the same.
    if (check.current.state === 'WAITING' || edit.isCancelled) await storeUpdate(answering, check, update);
    else if (hasResult(update)) early.set(check.current.id, update);
  }
  return () => {
    for (const op of ops) judgeUpdate(answering, op, early.has(op.update.checkId));
  };
}

/** PLANNING → PLANNED as a writer would; from there satisfied dependencies lead on. */
async function plan(edit: PlanEdit, check: CheckDraft, { state: wanted }: CheckUpdate): Promise<void> {
  const { state, id } = check.current;
  if (wanted === undefined || wanted === state) return;
  if (wanted !== 'WAITING') assertWriterMay(checkMachine, describeNode({ type: 'CHECK', id }), state, wanted);
  if (state === 'PLANNING') await enterPlanned(edit, check);
}

/** A check that was to be WAITING must have got there, and a result must have been taken, unless the check has ended. */
function judgeUpdate(answering: Answering, op: UpdateOp, isLeft: boolean): void {
  const { check, update } = op;
  const { id, state, outcome } = check.current;
  if (answering.edit.isCancelled) return;
  if (update.state === 'WAITING' && (state === 'PLANNING' || state === 'PLANNED' || outcome === 'SKIPPED')) {
    throw dependenciesOpen(describeNode({ type: 'CHECK', id }), 'WAITING', outcome ?? state);
  }
  if (!isLeft) return;
  if (state !== 'FINAL') throw resultNotAccepted(check, state);
  noteSkipped(answering, op);
}

function hasResult({ data, failure, finalize }: CheckUpdate): boolean {
  return data !== undefined || failure !== undefined || finalize;
}

/** Stores what the attempt found out. The caller has judged the check's state. */
async function storeUpdate(answering: Answering, check: CheckDraft, update: CheckUpdate): Promise<void> {
  const { edit, stage, attempt, limits } = answering;
  if (!hasResult(update)) return;
  const { checkId, data, finalize, failure } = update;
  if (data !== undefined) assertJson(data, limits, `the result on check "${checkId}"`);
  const ownerId = attemptOwnerId(stage.current.id, attempt.current.idx);
  const write = { ownerType: ATTEMPT_OWNER, ownerId, data, finalize, failure };
  await storeResult(edit, check, write, limits.resultsPerCheck);
}

/** A check that ended before takes no update; the attempt's progress tells. */
function noteSkipped({ edit, stage, attempt, limits }: Answering, { update }: UpdateOp): void {
  if (attempt.current.progressCount >= limits.progressPerAttempt) return;
  addProgress(edit, stage, attempt, {
    message: `CHECK_ALREADY_FINAL: the update for check "${update.checkId}" was skipped`,
    timestamp: edit.origin.at,
    details: undefined,
    percent: undefined,
    idempotencyKey: '',
  });
}

/** The failure of an attempt whose answer was refused. */
export function refusedAnswer(error: AppError, at: number): Failure {
  const fields = error.fields.map(({ path }) => path.join('.')).join(', ');
  const where = fields === '' ? '' : ` (${fields})`;
  return { message: `the answer was refused: ${error.message}${where}`, reason: 'RUNNER_ERROR', occurredAt: at };
}

/** A failure of a runner that says FINAL is a verdict: there is no point in another attempt. */
export function toExecutionAnswer(answer: RunnerAnswer): ExecutionAnswer {
  const { stageState, checkUpdates, failure, details } = answer;
  return { checkUpdates, details, failure, verdict: stageState === 'FINAL' };
}
