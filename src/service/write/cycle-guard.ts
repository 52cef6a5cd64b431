import { findCycle } from '../../domain/dependency/cycle.ts';
import type { FlatDependencies } from '../../domain/dependency/flatten.ts';
import { AppError, type FieldPath, invariant } from '../../domain/error.ts';
import { type NodeRef, nodeKey } from '../../domain/node.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import type { WriteContext } from './write-context.ts';

/**
 * Refuses a write that closes a cycle over dependencies, children and continuation groups. Every new cycle has an edge
 * that the write adds, so the search starts where those lead or begin. What is stored is free of cycles and leads back to
 * new nodes only through edges of this write, which bounds the search:
 * - as long as no stored node gained an edge, it does not leave the write;
 * - if only the parent of new stages did, it does not enter the parent's older children: they do not lead to it.
 */
export async function assertAcyclic(context: WriteContext): Promise<void> {
  const { edit, gained, parent } = context;
  const children = parent === undefined ? [] : edit.createdChildren(parent.current.id).map(refOf);
  const starts = [...gained, ...children];
  if (starts.length === 0) return;
  const hasStoredGained = gained.some((node) => draftOf(edit, node)?.before !== undefined);
  if (!hasStoredGained && children.length === 0 && isInOrder(edit, gained)) return;
  const isLeaf = (draft: CheckDraft | StageDraft): boolean => {
    if (draft.before === undefined || hasStoredGained) return draft.before?.state === 'FINAL';
    const isSibling = draft.type === 'STAGE' && draft.current.parentStageId === parent?.current.id;
    return children.length === 0 || isSibling || draft.before.state === 'FINAL';
  };

  const nodes = new Map<string, NodeRef>(starts.map((node) => [nodeKey(node), node]));
  const cycle = await findCycle([...nodes.keys()], async (key) => {
    const node = nodes.get(key);
    invariant(node, `node ${key} was not met`);
    const draft = node.type === 'CHECK' ? await edit.knownCheck(node.id) : await edit.knownStage(node.id);
    const successors = isLeaf(draft) ? [] : await successorsOf(edit, draft);
    return successors.map((successor) => {
      const successorKey = nodeKey(successor);
      nodes.set(successorKey, successor);
      return successorKey;
    });
  });
  if (cycle === undefined) return;
  const path = cycle.map((key) => nodes.get(key)).filter((node) => node !== undefined);
  throw cycleError(context, path);
}

/** Whether each of these new nodes waits for those before it only, as they are written mostly: then there is no cycle. */
function isInOrder(edit: PlanEdit, gained: readonly NodeRef[]): boolean {
  const later = new Set(gained.map(nodeKey));
  return gained.every((node) => {
    const draft = draftOf(edit, node);
    const continuation = draft?.type === 'STAGE' ? draft.unsavedContinuation : undefined;
    const isBehind = [...targetsOf(draft?.unsavedTree), ...targetsOf(continuation)].every(
      (target) => !later.has(nodeKey(target)),
    );
    later.delete(nodeKey(node));
    return isBehind;
  });
}

function refOf(draft: CheckDraft | StageDraft): NodeRef {
  return { type: draft.type, id: draft.current.id };
}

function cycleError(context: WriteContext, cycle: readonly NodeRef[]): AppError {
  const names = cycle.map((node) => `${node.type === 'CHECK' ? 'check' : 'stage'}:${node.id}`);
  const text = names.length > 12 ? [...names.slice(0, 6), `… ${names.length - 12} more …`, ...names.slice(-6)] : names;
  const message = `the write closes a cycle: ${text.join(' → ')}`;
  return new AppError('DEPENDENCY_CYCLE', message, {
    fields: [{ path: fieldOf(context, cycle), message }],
    metadata: { cycle: text.join(' → ') },
  });
}

/** The first node of the cycle that the request itself wrote. */
function fieldOf({ checks, stages }: WriteContext, cycle: readonly NodeRef[]): FieldPath {
  for (const node of cycle) {
    const op = (node.type === 'CHECK' ? checks : stages).find(({ write }) => write.id === node.id);
    if (op !== undefined) return [...op.path, 'dependencies'];
  }
  return [];
}

function draftOf(edit: PlanEdit, node: NodeRef) {
  return node.type === 'CHECK' ? edit.checks.get(node.id) : edit.stages.get(node.id);
}

/** Whom a node waits for. */
async function successorsOf(edit: PlanEdit, draft: CheckDraft | StageDraft): Promise<readonly NodeRef[]> {
  const isStored = draft.before !== undefined;
  const own = draft.unsavedTree ?? (isStored ? await storedTree(edit, refOf(draft), 'DEPENDENCIES') : undefined);
  if (draft.type === 'CHECK') return targetsOf(own);
  const storedChildren = isStored ? await edit.uow.stages.openChildIds(edit.before.id, draft.current.id) : [];
  return [
    ...targetsOf(own),
    ...targetsOf(await continuationOf(edit, draft)),
    ...storedChildren.map((id): NodeRef => ({ type: 'STAGE', id })),
    ...edit.createdChildren(draft.current.id).map(refOf),
  ];
}

function targetsOf(tree: FlatDependencies | undefined): readonly NodeRef[] {
  return tree?.edges.map(({ targetType, targetId }) => ({ type: targetType, id: targetId })) ?? [];
}

async function continuationOf(edit: PlanEdit, draft: StageDraft): Promise<FlatDependencies | undefined> {
  if (draft.unsavedContinuation !== undefined) return draft.unsavedContinuation;
  return draft.before?.hasContinuationGroup ? storedTree(edit, refOf(draft), 'CONTINUATION') : undefined;
}

function storedTree(edit: PlanEdit, source: NodeRef, purpose: 'DEPENDENCIES' | 'CONTINUATION') {
  return edit.uow.dependencies.get({ planId: edit.before.id, source, purpose });
}
