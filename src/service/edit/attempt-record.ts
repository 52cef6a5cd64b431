import type { ProgressEntry } from '../../domain/attempt.ts';
import { type JsonObject, jsonEqual, mergePatch } from '../../domain/json.ts';
import { assertJsonSize } from './json-size.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { AttemptDraft, StageDraft } from './stage-draft.ts';

/** Merges into the details of a live attempt (RFC 7396); what changes nothing is no change. */
export async function mergeDetails(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  patch: JsonObject,
  maxBytes: number,
): Promise<void> {
  const { planId, stageId, idx } = attempt.current;
  const isNew = attempt.before === undefined;
  const stored =
    attempt.details ?? (isNew ? undefined : await edit.uow.attempts.details({ planId, stageId, idx })) ?? {};
  const merged = mergePatch(stored, patch);
  if (jsonEqual(merged, stored)) return;
  assertJsonSize(merged, maxBytes, `details of attempt ${idx} of stage "${stageId}"`);
  attempt.details = merged;
  edit.changeAttempt(stage, attempt);
}

/** Appends an entry; the caller has judged the limit. */
export function addProgress(edit: PlanEdit, stage: StageDraft, attempt: AttemptDraft, entry: ProgressEntry): void {
  attempt.progress.push(entry);
  edit.changeAttempt(stage, attempt, {
    progressCount: attempt.current.progressCount + 1,
    progressPercent: entry.percent ?? attempt.current.progressPercent,
  });
}
