import { noGoals, withAssigned } from '../../domain/assignment.ts';
import { sameGroups } from '../../domain/dependency/flatten.ts';
import { viewOf } from '../../domain/dependency/view.ts';
import { AppError, invalidField } from '../../domain/error.ts';
import { jsonEqual } from '../../domain/json.ts';
import type { NodeRef } from '../../domain/node.ts';
import { matchesPolicy } from '../../domain/policy.ts';
import { isBuiltin } from '../../domain/stage.ts';
import { setGoals } from '../edit/check-life.ts';
import { flattenValid } from './flatten-valid.ts';
import { immutable } from './refusals.ts';
import { assertTargetsExist, unknownTarget } from './targets.ts';
import type { StageOp, WriteContext } from './write-context.ts';

/** Applies what defines a stage: all of it at creation, later only as a repeat; the continuation group as long as it is open. */
export async function defineStage(context: WriteContext, op: StageOp): Promise<void> {
  if (op.draft.before === undefined) await defineNewStage(context, op);
  else await assertSameDefinition(context, op);
  await setContinuationGroup(context, op);
}

async function defineNewStage(context: WriteContext, { write, draft, path }: StageOp): Promise<void> {
  const { edit } = context;
  assertExecutable(context, { write, draft, path });
  draft.args = write.args;
  draft.assignments = write.assignments;
  for (const [index, { targetCheckId, goalState }] of write.assignments.entries()) {
    const check = await edit.check(targetCheckId);
    if (check === undefined) {
      throw unknownTarget({ type: 'CHECK', id: targetCheckId }, [...path, 'assignments', index, 'targetCheckId']);
    }
    setGoals(check, withAssigned(check.current.goals ?? noGoals, goalState));
  }
  if (write.dependencies === undefined) return;
  await assertTargetsExist(edit, write.dependencies, [...path, 'dependencies']);
  const flat = flattenValid(write.dependencies);
  if (flat.edges.length === 0) return;
  draft.unsavedTree = flat;
  draft.writtenDependencies = viewOf(flat);
  context.gained.push(refOf(write.id));
}

function assertExecutable({ rules }: WriteContext, { write, path }: StageOp): void {
  const { runnerType } = write;
  if (!isBuiltin(runnerType)) return;
  const executor = rules.executors.get(runnerType);
  if (executor === undefined) {
    const known = [...rules.executors.keys()].join(', ');
    throw invalidField(
      [...path, 'runnerType'],
      `"${runnerType}" is no builtin executor; there are ${known}`,
      'UNKNOWN_EXECUTOR',
    );
  }
  if (!executor.enabled) {
    throw new AppError('EXECUTOR_DISABLED', `${runnerType} is switched off on this server`, {
      metadata: { runner_type: runnerType },
    });
  }
  const faults = executor.check(write.args ?? {});
  const [first] = faults;
  if (first === undefined) return;
  throw new AppError('INVALID_FIELD', `args of ${runnerType}: ${first.message}`, {
    fields: faults.map((fault) => ({ path: [...path, 'args', ...fault.path], message: fault.message })),
  });
}

/** A safe repeat of a create: what is written again must equal what is stored. */
async function assertSameDefinition({ edit }: WriteContext, { write, draft, path }: StageOp): Promise<void> {
  const { id, executionMode, runnerType, policy } = draft.current;
  const planId = edit.before.id;
  const fixed = (field: string) => immutable(refOf(id), field, path, 'is fixed at creation');
  if (write.args !== undefined && !jsonEqual(write.args, (await edit.uow.stages.args(planId, id)) ?? {})) {
    throw fixed('args');
  }
  if (write.executionMode !== undefined && write.executionMode !== executionMode) throw fixed('executionMode');
  if (write.runnerType !== '' && write.runnerType !== runnerType) throw fixed('runnerType');
  if (write.executionPolicy !== undefined && !matchesPolicy(write.executionPolicy, policy))
    throw fixed('executionPolicy');
  if (write.assignments.length > 0) {
    const stored = await edit.uow.stages.assignments(planId, id);
    const goals = new Map(stored.map(({ targetCheckId, goalState }) => [targetCheckId, goalState]));
    const same = write.assignments.every(({ targetCheckId, goalState }) => goals.get(targetCheckId) === goalState);
    if (!same || stored.length !== write.assignments.length) throw fixed('assignments');
  }
  if (write.dependencies !== undefined) {
    const stored = await edit.uow.dependencies.get({ planId, source: refOf(id), purpose: 'DEPENDENCIES' });
    if (!sameGroups(write.dependencies, stored === undefined ? undefined : viewOf(stored))) throw fixed('dependencies');
  }
}

async function setContinuationGroup(context: WriteContext, { write, draft, path }: StageOp): Promise<void> {
  const { edit } = context;
  if (write.continuationGroup === undefined) return;
  const { id, state, hasContinuationGroup } = draft.current;
  const owner = { planId: edit.before.id, source: refOf(id), purpose: 'CONTINUATION' } as const;
  if (hasContinuationGroup) {
    const stored = await edit.uow.dependencies.get(owner);
    if (stored !== undefined && sameGroups(write.continuationGroup, viewOf(stored))) return;
  }
  if (state === 'AWAITING_GROUP' || state === 'FINAL') {
    throw immutable(refOf(id), 'continuationGroup', path, `can not change any more: the stage is ${state}`);
  }
  await assertTargetsExist(edit, write.continuationGroup, [...path, 'continuationGroup']);
  const flat = flattenValid(write.continuationGroup);
  draft.unsavedContinuation = flat;
  draft.writtenContinuation = viewOf(flat);
  edit.changeStage(draft, { hasContinuationGroup: true });
  if (flat.edges.length > 0) context.gained.push(refOf(id));
}

function refOf(id: string): NodeRef {
  return { type: 'STAGE', id };
}
