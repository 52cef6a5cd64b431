import type { AttemptChange, CheckChange, CheckEvent, StageChange, StageEvent } from '../../domain/event.ts';
import type { CheckDraft } from './check-draft.ts';
import type { EditOrigin } from './plan-edit.ts';
import type { AttemptDraft, StageDraft } from './stage-draft.ts';

type EventHead = { readonly revision: number; readonly seq: number; readonly at: number };

/** The event of a changed check: its scalars, and of the rest what this edit changed. */
export function checkEvent(draft: CheckDraft, head: EventHead, origin: EditOrigin): CheckEvent {
  const { current, before, options, writtenDependencies, results } = draft;
  const change: CheckChange = {
    kind: current.kind,
    outcome: current.outcome,
    version: current.version,
    createdAt: current.createdAt,
    ...(options === undefined ? {} : { options }),
    ...(writtenDependencies === undefined ? {} : { dependencies: writtenDependencies }),
    ...(results.size === 0 ? {} : { results: [...results.values()] }),
  };
  return {
    type: 'CHECK',
    ...head,
    actor: draft.byWriter ? origin.actor : 'server',
    reason: origin.reason,
    nodeId: current.id,
    oldState: before?.state,
    newState: current.state,
    change,
  };
}

/** The event of a changed stage: its scalars, and of the rest what this edit changed. */
export function stageEvent(draft: StageDraft, head: EventHead, origin: EditOrigin): StageEvent {
  const { current, before, args, writtenDependencies, writtenContinuation } = draft;
  const attempts = [...draft.attempts.values()].filter((attempt) => attempt.changed).map(attemptChange);
  const isNew = before === undefined;
  const change: StageChange = {
    outcome: current.outcome,
    concludedReason: current.concludedReason,
    version: current.version,
    createdAt: current.createdAt,
    cancelledAt: current.cancelledAt,
    executionMode: current.executionMode,
    runnerType: current.runnerType,
    parentStageId: current.parentStageId,
    ...(args === undefined ? {} : { args }),
    ...(isNew ? { policy: current.policy, assignments: draft.assignments ?? [] } : {}),
    ...(writtenDependencies === undefined ? {} : { dependencies: writtenDependencies }),
    ...(writtenContinuation === undefined ? {} : { continuationGroup: writtenContinuation }),
    ...(attempts.length === 0 ? {} : { attempts }),
  };
  return {
    type: 'STAGE',
    ...head,
    actor: draft.byWriter ? origin.actor : 'server',
    reason: origin.reason,
    nodeId: current.id,
    oldState: before?.state,
    newState: current.state,
    change,
  };
}

function attemptChange({ current, before, details, progress }: AttemptDraft): AttemptChange {
  return {
    idx: current.idx,
    state: current.state,
    oldState: before?.state,
    processUid: current.processUid,
    executionId: current.executionId,
    dispatch: current.dispatch,
    runnerId: current.runnerId,
    failure: current.failure,
    createdAt: current.createdAt,
    updatedAt: current.updatedAt,
    startedAt: current.startedAt,
    endedAt: current.endedAt,
    availableAt: current.availableAt,
    deadline: current.deadline,
    heartbeatBy: current.heartbeatBy,
    progressPercent: current.progressPercent,
    details,
    progress,
  };
}
