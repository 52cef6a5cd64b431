import { evaluate } from '../../domain/dependency/evaluate.ts';
import { dependencyKey, type GroupPurpose, type Resolution } from '../../domain/dependency/group.ts';
import type { NodeRef } from '../../domain/node.ts';
import { satisfies } from '../../domain/outcome.ts';
import type { CheckDraft } from './check-draft.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { StageDraft } from './stage-draft.ts';

/**
 * Starts counting a node's tree: targets that are FINAL already count at once, the others when they end. Answers how the
 * tree stands; a node without one is satisfied.
 */
export async function startTracking(
  edit: PlanEdit,
  draft: CheckDraft | StageDraft,
  purpose: GroupPurpose,
): Promise<Resolution | undefined> {
  const source: NodeRef = { type: draft.type, id: draft.current.id };
  const owner = { planId: edit.before.id, source, purpose };
  const unsaved = takeUnsaved(draft, purpose);
  const isNew = draft.before === undefined;
  const tree = unsaved ?? (isNew ? undefined : await edit.uow.dependencies.get(owner));
  if (tree === undefined) return 'SATISFIED';
  const known = new Map<string, Resolution>();
  for (const edge of tree.edges) {
    const target =
      edge.targetType === 'CHECK' ? await edit.knownCheck(edge.targetId) : await edit.knownStage(edge.targetId);
    const { outcome } = target.current;
    if (outcome !== undefined) {
      known.set(dependencyKey(edge), satisfies(edge.condition, outcome) ? 'SATISFIED' : 'UNSATISFIED');
    }
  }
  if (known.size > 0) edit.hasResolved = true;
  const { flat, resolution } = evaluate(tree, (edge) => known.get(dependencyKey(edge)));
  if (unsaved === undefined) await edit.uow.dependencies.startTracking(owner, flat);
  else await edit.uow.dependencies.put(owner, flat, true);
  return resolution;
}

function takeUnsaved(draft: CheckDraft | StageDraft, purpose: GroupPurpose) {
  if (draft.type === 'STAGE' && purpose === 'CONTINUATION') {
    const tree = draft.unsavedContinuation;
    draft.unsavedContinuation = undefined;
    return tree;
  }
  const tree = draft.unsavedTree;
  draft.unsavedTree = undefined;
  return tree;
}
