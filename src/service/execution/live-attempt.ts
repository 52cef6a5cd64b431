import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';

/** A stage and its live attempt in the hands of one unit of work. */
export type LiveAttempt = { readonly stage: StageDraft; readonly attempt: AttemptDraft };

/** An attempt under the execution id with which it was handed out. */
export type ExecutionKey = AttemptKey & { readonly executionId: string };

/** The stage and its live attempt, if the attempt with this key is still the live one. */
export async function liveAttemptOf(edit: PlanEdit, key: AttemptKey): Promise<LiveAttempt | undefined> {
  const stage = await edit.stage(key.stageId);
  if (stage === undefined || stage.current.state !== 'ATTEMPTING' || stage.current.attemptCount !== key.idx)
    return undefined;
  return { stage, attempt: await edit.liveAttempt(stage) };
}

/** The same, if it is still held under this execution id. */
export async function liveExecutionOf(edit: PlanEdit, key: ExecutionKey): Promise<LiveAttempt | undefined> {
  const live = await liveAttemptOf(edit, key);
  return live?.attempt.current.executionId === key.executionId ? live : undefined;
}

/** Why the holder of an attempt was told to stop, if it was. */
export function stopReason({ stage, attempt }: LiveAttempt): 'CANCELLED' | 'TIMEOUT' | undefined {
  if (attempt.current.cancelBy === undefined) return undefined;
  return stage.current.cancelledAt === undefined ? 'TIMEOUT' : 'CANCELLED';
}
