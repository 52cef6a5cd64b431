import { sameGroups } from '../../domain/dependency/flatten.ts';
import { viewOf } from '../../domain/dependency/view.ts';
import { jsonEqual, mergePatch } from '../../domain/json.ts';
import type { NodeRef } from '../../domain/node.ts';
import { assertJsonSize } from '../edit/json-size.ts';
import { flattenValid } from './flatten-valid.ts';
import { immutable } from './refusals.ts';
import { assertTargetsExist } from './targets.ts';
import type { CheckOp, WriteContext } from './write-context.ts';

/** Applies kind, options and dependencies: writable in PLANNING, later only as a repeat that changes nothing. */
export async function defineCheck(context: WriteContext, op: CheckOp): Promise<void> {
  setKind(context, op);
  await mergeOptions(context, op);
  await replaceDependencies(context, op);
}

function setKind({ edit }: WriteContext, { write, draft, path }: CheckOp): void {
  const { kind, state } = draft.current;
  if (write.kind === '' || write.kind === kind) return;
  if (kind !== '') throw immutable(refOf(draft.current.id), 'kind', path, `is fixed once set (it is "${kind}")`);
  if (state === 'FINAL') throw immutable(refOf(draft.current.id), 'kind', path, 'can not change: the check is FINAL');
  edit.changeCheck(draft, { kind: write.kind });
}

async function mergeOptions({ edit, rules }: WriteContext, { write, draft, path }: CheckOp): Promise<void> {
  if (write.options === undefined) return;
  const { id, state } = draft.current;
  const stored = draft.before === undefined ? undefined : await edit.uow.checks.options(edit.before.id, id);
  const merged = mergePatch(stored ?? {}, write.options);
  if (jsonEqual(merged, stored ?? {})) return;
  if (state !== 'PLANNING') {
    throw immutable(refOf(id), 'options', path, `are writable in PLANNING only (the check is ${state})`);
  }
  assertJsonSize(merged, rules.limits.jsonBytes, `options of check "${id}"`);
  draft.options = merged;
  edit.changeCheck(draft);
}

async function replaceDependencies(context: WriteContext, { write, draft, path }: CheckOp): Promise<void> {
  const { edit } = context;
  if (write.dependencies === undefined) return;
  const { id, state } = draft.current;
  const owner = { planId: edit.before.id, source: refOf(id), purpose: 'DEPENDENCIES' } as const;
  const isNew = draft.before === undefined;
  const stored = isNew ? undefined : await edit.uow.dependencies.get(owner);
  if (sameGroups(write.dependencies, stored === undefined ? undefined : viewOf(stored))) return;
  if (state !== 'PLANNING') {
    throw immutable(refOf(id), 'dependencies', path, `are writable in PLANNING only (the check is ${state})`);
  }
  await assertTargetsExist(edit, write.dependencies, [...path, 'dependencies']);
  const flat = flattenValid(write.dependencies);
  if (flat.edges.length === 0) {
    await edit.uow.dependencies.remove(owner);
  } else {
    draft.unsavedTree = flat;
    context.gained.push(refOf(id));
  }
  draft.writtenDependencies = viewOf(flat);
  edit.changeCheck(draft);
}

function refOf(id: string): NodeRef {
  return { type: 'CHECK', id };
}
