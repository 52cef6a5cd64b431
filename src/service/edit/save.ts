import { attemptDueAt, stageDueAt } from '../../domain/due.ts';
import { invariant } from '../../domain/error.ts';
import type { PlanChange, PlanEvent, PlanHistoryEvent } from '../../domain/event.ts';
import { countNodes, countOpenChecks, countOpenStages, planState } from '../../domain/plan-state.ts';
import { queueOf } from '../../domain/queue.ts';
import type { NodeCounts, WorkPlan } from '../../domain/work-plan.ts';
import { checkEvent, stageEvent } from './change-events.ts';
import type { CheckDraft } from './check-draft.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { AttemptDraft, StageDraft } from './stage-draft.ts';

/** An edit as stored: the plan after it, and the events that it appended (none if it changed nothing). */
export type SavedEdit = {
  readonly plan: WorkPlan;
  readonly events: readonly PlanHistoryEvent[];
  /** How large each event is, in characters. */
  readonly sizes: readonly number[];
};

/** Stores what an edit changed: every node once, one version and one event each, all with the plan's next revision. */
export async function saveEdit(edit: PlanEdit): Promise<SavedEdit> {
  invariant(edit.ended.length === 0, 'an edit is saved before its ends were propagated');
  const events: PlanHistoryEvent[] = [];
  const head = () => ({ revision: edit.revision, seq: events.length + 1, at: edit.origin.at });
  for (const check of edit.checks.values()) {
    if (!(await saveCheck(edit, check))) continue;
    events.push(checkEvent(check, head(), edit.origin));
  }
  for (const stage of edit.stages.values()) {
    if (!(await saveStage(edit, stage))) continue;
    events.push(stageEvent(stage, head(), edit.origin));
  }
  await edit.groups.save();
  const isPlanChanged = edit.plan !== edit.before;
  if (events.length === 0 && !isPlanChanged) return { plan: edit.before, events, sizes: [] };

  const { counts } = edit;
  const plan: WorkPlan = {
    ...edit.plan,
    ...planState(edit.plan, counts),
    counts,
    version: edit.revision,
    updatedAt: edit.origin.at,
  };
  const completed = completionOf(edit.before, plan);
  if (isPlanChanged || plan.state !== edit.before.state || plan.outcome !== edit.before.outcome || completed) {
    events.push(planEvent(edit, plan, events.length + 1, completed));
  }
  await edit.uow.workPlans.update(plan, edit.before);
  const sizes = await edit.uow.events.append(plan.id, events);
  return { plan, events, sizes };
}

/** Answers whether clients see a change. */
async function saveCheck(edit: PlanEdit, draft: CheckDraft): Promise<boolean> {
  const { before, changed } = draft;
  if (draft.unsavedTree !== undefined) {
    await edit.uow.dependencies.put(
      { planId: edit.before.id, source: { type: 'CHECK', id: draft.current.id }, purpose: 'DEPENDENCIES' },
      draft.unsavedTree,
      false,
    );
  }
  if (draft.current === before && !changed) return false;
  if (changed) {
    const version = (before?.version ?? 0) + 1;
    draft.current = { ...draft.current, version, revision: edit.revision, updatedAt: edit.origin.at };
  }
  if (!draft.stored) {
    await edit.uow.checks.insert(draft.current, draft.options);
  } else {
    await edit.uow.checks.update(draft.current);
    if (before !== undefined && draft.options !== undefined) {
      await edit.uow.checks.setOptions(edit.before.id, draft.current.id, draft.options);
    }
  }
  return changed;
}

/** Answers whether clients see a change. */
async function saveStage(edit: PlanEdit, draft: StageDraft): Promise<boolean> {
  const { before, changed } = draft;
  const source = { type: 'STAGE', id: draft.current.id } as const;
  if (draft.unsavedTree !== undefined) {
    const owner = { planId: edit.before.id, source, purpose: 'DEPENDENCIES' } as const;
    await edit.uow.dependencies.put(owner, draft.unsavedTree, false);
  }
  if (draft.unsavedContinuation !== undefined) {
    const owner = { planId: edit.before.id, source, purpose: 'CONTINUATION' } as const;
    await edit.uow.dependencies.put(owner, draft.unsavedContinuation, false);
  }
  if (changed) {
    const version = (before?.version ?? 0) + 1;
    draft.current = { ...draft.current, version, revision: edit.revision, updatedAt: edit.origin.at };
  }
  if (before === undefined) await edit.uow.stages.insert(draft.current, draft.args, draft.assignments ?? []);
  else if (draft.current !== before) await edit.uow.stages.update(draft.current);
  const dueAt = stageDueAt(draft.current);
  if (changed && dueAt !== undefined) edit.effects.setDue(dueAt);
  for (const attempt of draft.attempts.values()) {
    if (attempt.current !== attempt.before || attempt.changed) await saveAttempt(edit, draft, attempt);
  }
  return changed;
}

async function saveAttempt(edit: PlanEdit, stage: StageDraft, draft: AttemptDraft): Promise<void> {
  const { current, before, details, progress } = draft;
  const key = { planId: current.planId, stageId: current.stageId, idx: current.idx };
  const { runnerType, executionMode: mode } = stage.current;
  if (before === undefined) await edit.uow.attempts.insert({ attempt: current, runnerType, mode });
  else await edit.uow.attempts.update(current, before);
  if (details !== undefined) await edit.uow.attempts.setDetails(key, details);
  for (const [index, entry] of progress.entries()) {
    await edit.uow.attempts.appendProgress(key, current.progressCount - progress.length + index, entry);
  }
  const dueAt = attemptDueAt(current);
  if (dueAt !== undefined) edit.effects.setDue(dueAt);
  const queue = queueOf(runnerType, mode);
  if (current.state === 'PENDING' && current.processUid === undefined && queue !== undefined) {
    edit.effects.queue(queue, current.availableAt, edit.origin.at);
  }
}

/** What a plan's watchers are told when with this change nothing is left to run. */
function completionOf(before: WorkPlan, after: WorkPlan): PlanChange['completed'] {
  if (after.state === 'ACTIVE' || openNodes(after.counts) > 0) return undefined;
  const wasDone = before.state === after.state && openNodes(before.counts) === 0;
  const hasNewNodes = after.state === 'COMPLETE' && countNodes(after.counts) > countNodes(before.counts);
  if (wasDone && !hasNewNodes) return undefined;
  return { checks: after.counts.checks.FINAL, stages: after.counts.stages.FINAL, hasFailures: after.counts.failed > 0 };
}

function openNodes(counts: NodeCounts): number {
  return countOpenChecks(counts) + countOpenStages(counts);
}

function planEvent(edit: PlanEdit, plan: WorkPlan, seq: number, completed: PlanChange['completed']): PlanEvent {
  return {
    type: 'PLAN',
    nodeId: '',
    revision: plan.version,
    seq,
    at: edit.origin.at,
    actor: edit.plan === edit.before ? 'server' : edit.origin.actor,
    reason: edit.origin.reason,
    oldState: edit.before.state,
    newState: plan.state,
    change: planChange(plan, completed),
  };
}

/** The plan's own fields as of an event. */
export function planChange(plan: WorkPlan, completed?: PlanChange['completed']): PlanChange {
  return {
    outcome: plan.outcome,
    createdAt: plan.createdAt,
    cancelledAt: plan.cancelledAt,
    cancelReason: plan.cancelReason,
    counts: plan.counts,
    ...(completed === undefined ? {} : { completed }),
  };
}
