import type { Attempt, AttemptState, ProgressEntry } from '../../domain/attempt.ts';
import { attemptMachine } from '../../domain/attempt-machine.ts';
import { AppError, invalidField } from '../../domain/error.ts';
import { type Failure, sameFailure } from '../../domain/failure.ts';
import { jsonEqual, mergePatch } from '../../domain/json.ts';
import { beat, moveOn } from '../edit/attempt-life.ts';
import { addProgress, mergeDetails } from '../edit/attempt-record.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { failureOf } from '../edit/result-record.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';
import { type AttemptEnd, endAttempt } from '../edit/stage-life.ts';
import type { AttemptWrite, ProgressWrite } from '../requests.ts';
import { assertLiveAttempt, notHolder } from './attempt-ref.ts';
import { nameOf } from './stage-states.ts';
import { assertWriterMay } from './transitions.ts';
import type { StageOp, WriteContext } from './write-context.ts';

/** Applies what a stage write says about its live attempt: claim, details, progress, end (semantics, sections 3 and 4). */
export async function writeAttempt(context: WriteContext, op: StageOp): Promise<void> {
  const { edit } = context;
  const { draft: stage, write } = op;
  if (stage.current.state !== 'ATTEMPTING') {
    await assertRepeatedEnd(edit, op);
    return;
  }
  const attempt = await edit.liveAttempt(stage);
  if (write.currentAttempt !== undefined) await feedAttempt(context, op, attempt, write.currentAttempt);
  const end = await endOf(edit, op, attempt);
  if (end === undefined) return;
  assertWriterMay(attemptMachine, attemptName(stage), attempt.current.state, end.state);
  await endAttempt(edit, stage, attempt, end, { force: write.state === 'FINAL', ...stopOf(attempt, write) });
}

/** An executor that ends its attempt itself need not be told to stop; a command that runs on in the server is ended. */
function stopOf({ current }: AttemptDraft, { currentAttempt }: StageOp['write']): { readonly stop?: string } {
  const isByHolder = current.processUid !== undefined && currentAttempt?.processUid === current.processUid;
  return isByHolder && current.dispatch !== 'BUILTIN' ? {} : { stop: 'the attempt has ended' };
}

/** Everything of an attempt write but the end. */
async function feedAttempt(
  context: WriteContext,
  op: StageOp,
  attempt: AttemptDraft,
  write: AttemptWrite,
): Promise<void> {
  const { edit } = context;
  const { draft: stage } = op;
  await assertLiveAttempt(edit, stage, write.attemptIdx ?? 0, '');
  claim(edit, op, attempt, write);
  if (write.processUid !== '') beat(edit, stage, attempt);
  if (write.details !== undefined) {
    await mergeDetails(edit, stage, attempt, write.details, context.rules.limits.jsonBytes);
  }
  if (write.progress !== undefined) await appendProgress(context, stage, attempt, write.progress);
  if (write.blockNewAttempts && !attempt.current.blockNewAttempts) {
    edit.changeAttempt(stage, attempt, { blockNewAttempts: true });
  }
}

/**
 * The holder of an attempt is whoever first names its process_uid; the uid alone means RUNNING. The attempt_timeout counts
 * from the claim, whatever state comes with it.
 */
function claim(edit: PlanEdit, op: StageOp, attempt: AttemptDraft, write: AttemptWrite): void {
  const { draft: stage, path } = op;
  const { processUid: uid } = write;
  const { processUid: holder, state } = attempt.current;
  if (uid !== '' && holder !== undefined && holder !== uid) throw notHolder(stage, holder, uid);
  if (uid !== '' && holder === undefined) {
    const deadline = attempt.current.deadline ?? edit.origin.at + stage.current.policy.attemptTimeoutMs;
    edit.changeAttempt(stage, attempt, { processUid: uid, deadline });
  }
  const wanted = wantedState(write);
  if (wanted === undefined || wanted === state) return;
  if (wanted === 'RUNNING' && attempt.current.processUid === undefined) {
    const message = 'an attempt is claimed with the process_uid of its holder: set it together with RUNNING';
    throw invalidField([...path, 'currentAttempt', 'processUid'], message, 'PROCESS_UID_REQUIRED');
  }
  assertWriterMay(attemptMachine, attemptName(stage), state, wanted);
  if (wanted === 'SCHEDULED' || wanted === 'RUNNING') moveOn(edit, stage, attempt, wanted);
}

function wantedState(write: AttemptWrite): AttemptState | undefined {
  if (write.state !== undefined) return write.state;
  if (write.failure !== undefined) return 'INCOMPLETE';
  return write.processUid === '' ? undefined : 'RUNNING';
}

async function appendProgress(
  { edit, rules }: WriteContext,
  stage: StageDraft,
  attempt: AttemptDraft,
  write: ProgressWrite,
): Promise<void> {
  if (write.idempotencyKey !== '' && attempt.before !== undefined) {
    const known = await edit.uow.attempts.findProgress(keyOf(attempt.current), write.idempotencyKey);
    if (known !== undefined) {
      if (isSameProgress(known, write)) return;
      throw new AppError(
        'IDEMPOTENCY_KEY_REUSED',
        `${attemptName(stage)}: the idempotency_key "${write.idempotencyKey}" stands for another progress entry`,
        {
          metadata: { stage_id: stage.current.id, idempotency_key: write.idempotencyKey },
        },
      );
    }
  }
  const { progressCount } = attempt.current;
  if (progressCount >= rules.limits.progressPerAttempt) {
    throw new AppError(
      'PROGRESS_LIMIT',
      `${attemptName(stage)} has ${progressCount} progress entries already; no more are kept`,
      {
        metadata: { stage_id: stage.current.id, limit: String(rules.limits.progressPerAttempt) },
      },
    );
  }
  addProgress(edit, stage, attempt, {
    message: write.message,
    timestamp: write.timestamp ?? edit.origin.at,
    details: write.details,
    percent: write.percent,
    idempotencyKey: write.idempotencyKey,
  });
}

function isSameProgress(known: ProgressEntry, write: ProgressWrite): boolean {
  return (
    known.message === write.message &&
    known.percent === write.percent &&
    jsonEqual(known.details ?? {}, write.details ?? {}) &&
    (write.timestamp === undefined || write.timestamp === known.timestamp)
  );
}

/** How the write ends the attempt, by the attempt's or by the stage's new state; undefined = it goes on. */
async function endOf(edit: PlanEdit, op: StageOp, attempt: AttemptDraft): Promise<AttemptEnd | undefined> {
  const { write } = op;
  const { at } = edit.origin;
  const leaves = write.state === 'FINAL' || write.state === 'AWAITING_GROUP';
  const asked = write.currentAttempt === undefined ? undefined : wantedState(write.currentAttempt);
  const failure = failureOf(write.failure ?? write.currentAttempt?.failure, at);
  if (failure !== undefined && asked === 'COMPLETE') {
    throw invalidField(
      [...op.path, 'failure'],
      'an attempt that is COMPLETE has no failure: write INCOMPLETE, or leave it out',
    );
  }
  if (failure !== undefined || asked === 'INCOMPLETE') return { state: 'INCOMPLETE', failure, final: leaves };
  if (write.state === 'FINAL' && asked !== 'COMPLETE') {
    const earlier = await unclaimedAfterFailure(edit, op.draft, attempt.current);
    if (earlier !== undefined) return { state: 'INCOMPLETE', failure: earlier.failure, final: true };
  }
  return leaves || asked === 'COMPLETE' ? { state: 'COMPLETE' } : undefined;
}

/** A writer that ends a stage while nobody has taken up its retry ends it with the failure that led to the retry. */
async function unclaimedAfterFailure(
  edit: PlanEdit,
  stage: StageDraft,
  live: Attempt,
): Promise<{ readonly failure: Failure | undefined } | undefined> {
  if (live.idx === 1 || live.processUid !== undefined || live.state !== 'PENDING') return undefined;
  const earlier = await edit.uow.attempts.get({ planId: live.planId, stageId: stage.current.id, idx: live.idx - 1 });
  return earlier?.state === 'INCOMPLETE' ? { failure: earlier.failure } : undefined;
}

/** A stage without a live attempt takes attempt writes and ends only as repeats of what happened. */
async function assertRepeatedEnd(edit: PlanEdit, op: StageOp): Promise<void> {
  const { draft: stage, write } = op;
  const last = (await edit.lastAttempt(stage))?.current;
  if (last === undefined && write.currentAttempt !== undefined) throw noLiveAttempt(op);
  const failure = write.failure ?? write.currentAttempt?.failure;
  if (failure !== undefined && !sameFailure(failureOf(failure, 0), last?.failure)) throw noLiveAttempt(op);
  if (write.currentAttempt === undefined || last === undefined) return;
  const { state, processUid, attemptIdx, details, progress, blockNewAttempts } = write.currentAttempt;
  const isSame =
    (state === undefined || state === last.state) &&
    (attemptIdx === undefined || attemptIdx === last.idx) &&
    (processUid === '' || processUid === last.processUid) &&
    (!blockNewAttempts || last.blockNewAttempts) &&
    (state !== undefined || failure !== undefined || processUid === '') &&
    (details === undefined || (await hasDetails(edit, last, details))) &&
    (progress === undefined || (await hasProgress(edit, last, progress)));
  if (!isSame) throw noLiveAttempt(op);
}

async function hasDetails(
  edit: PlanEdit,
  last: Attempt,
  details: NonNullable<AttemptWrite['details']>,
): Promise<boolean> {
  const stored = (await edit.uow.attempts.details(keyOf(last))) ?? {};
  return jsonEqual(mergePatch(stored, details), stored);
}

async function hasProgress(edit: PlanEdit, last: Attempt, progress: ProgressWrite): Promise<boolean> {
  if (progress.idempotencyKey === '') return false;
  const known = await edit.uow.attempts.findProgress(keyOf(last), progress.idempotencyKey);
  return known !== undefined && isSameProgress(known, progress);
}

function noLiveAttempt(op: StageOp): AppError {
  const { id, state, attemptCount } = op.draft.current;
  return new AppError('NO_LIVE_ATTEMPT', `${nameOf(op)} is ${state} and has no live attempt to write to`, {
    metadata: { stage_id: id, stage_state: state, last_attempt: String(attemptCount) },
  });
}

function keyOf({ planId, stageId, idx }: Attempt) {
  return { planId, stageId, idx };
}

function attemptName(stage: StageDraft): string {
  return `attempt ${stage.current.attemptCount} of stage "${stage.current.id}"`;
}
