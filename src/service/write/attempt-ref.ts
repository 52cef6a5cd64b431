import { AppError } from '../../domain/error.ts';
import { beat } from '../edit/attempt-life.ts';
import { stageNotFound } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import type { AttemptRef } from '../requests.ts';

/** The stage in whose attempt's name a write comes: the reference must be its live attempt, and its holder if named. */
export async function resolveAttemptRef(edit: PlanEdit, ref: AttemptRef | undefined): Promise<StageDraft | undefined> {
  if (ref === undefined) return undefined;
  const stage = await edit.stage(ref.stageId);
  if (stage === undefined) throw stageNotFound(edit.before.id, ref.stageId);
  await assertLiveAttempt(edit, stage, ref.attemptIdx, ref.processUid);
  if (ref.processUid !== '') beat(edit, stage, await edit.liveAttempt(stage));
  return stage;
}

/** Refuses an attempt index or process_uid that is not that of the stage's live attempt; empty and 0 match any. */
export async function assertLiveAttempt(edit: PlanEdit, stage: StageDraft, idx: number, uid: string): Promise<void> {
  const { id, state, attemptCount } = stage.current;
  const metadata = { stage_id: id, stage_state: state, last_attempt: String(attemptCount) };
  if (state !== 'ATTEMPTING') {
    throw new AppError('NO_LIVE_ATTEMPT', `stage "${id}" has no live attempt: it is ${state}`, { metadata });
  }
  if (idx !== 0 && idx !== attemptCount) {
    throw new AppError(
      'STALE_ATTEMPT',
      `attempt ${idx} of stage "${id}" is not live; the live one is attempt ${attemptCount}`,
      { metadata: { ...metadata, attempt_idx: String(idx) } },
    );
  }
  const holder = (await edit.liveAttempt(stage)).current.processUid;
  if (uid !== '' && uid !== holder) throw notHolder(stage, holder, uid);
}

/** The refusal of a process_uid that does not hold the attempt; names the holder. */
export function notHolder(stage: StageDraft, holder: string | undefined, uid: string): AppError {
  const { id, attemptCount } = stage.current;
  const metadata = { stage_id: id, attempt_idx: String(attemptCount), process_uid: uid };
  if (holder === undefined) {
    return new AppError(
      'ATTEMPT_CLAIMED',
      `attempt ${attemptCount} of stage "${id}" is not claimed by "${uid}"; claim it first`,
      {
        metadata,
      },
    );
  }
  return new AppError(
    'ATTEMPT_CLAIMED',
    `attempt ${attemptCount} of stage "${id}" is held by "${holder}", not by "${uid}"`,
    {
      metadata: { ...metadata, holder },
    },
  );
}
