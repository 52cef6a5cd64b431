import { invariant } from '../../domain/error.ts';
import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';
import type { ExecutionTask } from '../executor/executor.ts';

/** An attempt that the server took out of the queue, and who is to execute it. */
export type ClaimedTask = { readonly runnerType: string; readonly task: ExecutionTask };

/** PENDING → RUNNING, held by a new execution id. */
export async function claimAttempt(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  executionId: string,
): Promise<ClaimedTask> {
  const { planId, stageId, idx } = attempt.current;
  edit.changeAttempt(stage, attempt, {
    state: 'RUNNING',
    processUid: executionId,
    executionId,
    startedAt: edit.origin.at,
  });
  const args = (await edit.uow.stages.args(planId, stageId)) ?? {};
  const assignments = await edit.uow.stages.assignments(planId, stageId);
  return {
    runnerType: stage.current.runnerType,
    task: {
      executionId,
      planId,
      stageId,
      attemptIdx: idx,
      args,
      assignedCheckIds: assignments.map(({ targetCheckId }) => targetCheckId),
    },
  };
}

/** Claims the plan's longest waiting builtin attempt; undefined when none is available at `now`. */
export async function claimNext(edit: PlanEdit, executionId: string, now: number): Promise<ClaimedTask | undefined> {
  const key = await edit.uow.builtinQueue.nextAvailable(edit.before.id, now);
  if (key === undefined) return undefined;
  const stage = await edit.knownStage(key.stageId);
  const attempt = await edit.liveAttempt(stage);
  invariant(attempt.current.idx === key.idx, `queued attempt ${key.idx} of ${key.stageId} is not the last`);
  return claimAttempt(edit, stage, attempt, executionId);
}

/** The stage and its live attempt, if the attempt with this key is still the live one. */
export async function liveAttemptOf(
  edit: PlanEdit,
  key: AttemptKey,
): Promise<{ readonly stage: StageDraft; readonly attempt: AttemptDraft } | undefined> {
  const stage = await edit.stage(key.stageId);
  if (stage === undefined || stage.current.state !== 'ATTEMPTING' || stage.current.attemptCount !== key.idx)
    return undefined;
  return { stage, attempt: await edit.liveAttempt(stage) };
}
