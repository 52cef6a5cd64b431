import type { CheckView } from '../../domain/check.ts';
import type { GroupView } from '../../domain/dependency/group.ts';
import type { NodeView } from '../../domain/node.ts';
import type { StageView } from '../../domain/stage.ts';
import type { CheckDraft } from './check-draft.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { StageDraft } from './stage-draft.ts';

/*
 * New nodes as a query would show them, from what their edit has just stored. Only for an edit that resolved no edge: then
 * the trees are as they were written.
 */

/** Undefined when only storage can tell. */
export function newCheckView(edit: PlanEdit, id: string, view: NodeView): CheckView | undefined {
  const draft = edit.checks.get(id);
  if (draft === undefined || !isPlain(edit, draft)) return undefined;
  const isFull = view === 'FULL';
  return {
    ...draft.current,
    options: isFull ? draft.options : undefined,
    dependencies: treeOf(draft.writtenDependencies),
    results: [...draft.results.values()].map((result) => (isFull ? result : { ...result, data: undefined })),
  };
}

/** Undefined when only storage can tell. */
export function newStageView(edit: PlanEdit, id: string, view: NodeView): StageView | undefined {
  const draft = edit.stages.get(id);
  if (draft === undefined || !isPlain(edit, draft)) return undefined;
  const isFull = view === 'FULL';
  return {
    ...draft.current,
    args: isFull ? draft.args : undefined,
    assignments: draft.assignments ?? [],
    dependencies: treeOf(draft.writtenDependencies),
    continuationGroup: draft.writtenContinuation,
    attempts: [...draft.attempts.values()].map(({ current, details, progress }) => ({
      ...current,
      details: isFull ? details : undefined,
      progress: isFull ? progress : [],
    })),
  };
}

function isPlain(edit: PlanEdit, draft: CheckDraft | StageDraft): boolean {
  return draft.before === undefined && !edit.hasResolved;
}

/** An empty group of a node is none. */
function treeOf(written: GroupView | undefined): GroupView | undefined {
  return written === undefined || written.dependencies.length + written.groups.length === 0 ? undefined : written;
}
