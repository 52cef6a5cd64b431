import { findCycle } from '../../domain/dependency/cycle.ts';
import type { FlatDependencies } from '../../domain/dependency/flatten.ts';
import { AppError, type FieldPath } from '../../domain/error.ts';
import { type NodeRef, nodeKey } from '../../domain/node.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import type { WriteContext } from './write-context.ts';

/**
 * Refuses a write that closes a cycle over dependencies, children and continuation groups. The search starts from the
 * nodes that gained edges. Stored nodes can lead back to new ones only through edges of this write, so as long as no
 * stored node gained any, the search does not leave the write.
 */
export async function assertAcyclic(context: WriteContext): Promise<void> {
  const { edit, gained } = context;
  if (gained.length === 0) return;
  const nodes = new Map<string, NodeRef>(gained.map((node) => [nodeKey(node), node]));
  const isStoredGaining = gained.some((node) => draftOf(edit, node)?.before !== undefined);
  const children = newChildren(context);

  const cycle = await findCycle(nodes.keys(), async (key) => {
    const node = nodes.get(key);
    if (node === undefined) return [];
    const successors = await successorsOf(edit, node, children, isStoredGaining);
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

function newChildren({ stages, parent }: WriteContext): ReadonlyMap<string, readonly NodeRef[]> {
  if (parent === undefined) return new Map();
  const created = stages.filter(({ draft }) => draft.before === undefined);
  return new Map([[parent.current.id, created.map(({ write }) => ({ type: 'STAGE', id: write.id }) as const)]]);
}

function draftOf(edit: PlanEdit, node: NodeRef) {
  return node.type === 'CHECK' ? edit.checks.get(node.id) : edit.stages.get(node.id);
}

/** Whom a node waits for. */
async function successorsOf(
  edit: PlanEdit,
  node: NodeRef,
  children: ReadonlyMap<string, readonly NodeRef[]>,
  isStoredGaining: boolean,
): Promise<readonly NodeRef[]> {
  const draft = node.type === 'CHECK' ? await edit.knownCheck(node.id) : await edit.knownStage(node.id);
  const isStored = draft.before !== undefined;
  if (draft.before?.state === 'FINAL' || (isStored && !isStoredGaining)) return [];
  const trees: (FlatDependencies | undefined)[] = [
    draft.unsavedTree ?? (isStored ? await storedTree(edit, node, 'DEPENDENCIES') : undefined),
  ];
  if (draft.type === 'STAGE') trees.push(await continuationOf(edit, draft, node));
  const successors = trees.flatMap((tree) =>
    (tree?.edges ?? []).map(({ targetType, targetId }): NodeRef => ({ type: targetType, id: targetId })),
  );
  if (draft.type === 'CHECK') return successors;
  const storedChildren = isStored ? await edit.uow.stages.openChildIds(edit.before.id, node.id) : [];
  return [
    ...successors,
    ...storedChildren.map((id): NodeRef => ({ type: 'STAGE', id })),
    ...(children.get(node.id) ?? []),
  ];
}

async function continuationOf(edit: PlanEdit, draft: StageDraft, node: NodeRef): Promise<FlatDependencies | undefined> {
  if (draft.unsavedContinuation !== undefined) return draft.unsavedContinuation;
  return draft.before?.hasContinuationGroup ? storedTree(edit, node, 'CONTINUATION') : undefined;
}

function storedTree(edit: PlanEdit, source: NodeRef, purpose: 'DEPENDENCIES' | 'CONTINUATION') {
  return edit.uow.dependencies.get({ planId: edit.before.id, source, purpose });
}
