import { noGoals, withEnded } from '../../domain/assignment.ts';
import { invariant } from '../../domain/error.ts';
import type { NodeRef } from '../../domain/node.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { countOpenChecks, countOpenStages } from '../../domain/plan-state.ts';
import type { ResolvedEdge } from '../../storage/dependency-repository.ts';
import { cancelOpenChecks } from './cancel.ts';
import { pursueGoals, setGoals, settleCheck } from './check-life.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { StageDraft } from './stage-draft.ts';
import { childEnded, settleContinuation, settleStage } from './stage-life.ts';

/**
 * Carries the ends of nodes on to whatever waits for them until nothing moves any more (semantics, section 5). A queue
 * instead of recursion: a chain of any length costs one step a node. Work is proportional to the edges touched.
 */
export async function propagate(edit: PlanEdit): Promise<void> {
  do {
    for (let next = 0; next < edit.ended.length; next++) {
      const node = edit.ended[next];
      if (node !== undefined) await propagateEnd(edit, node);
    }
    edit.ended.length = 0;
    if (edit.isCancelled && hasOpenChecksOnly(edit)) await cancelOpenChecks(edit);
  } while (edit.ended.length > 0);
}

function hasOpenChecksOnly({ counts }: PlanEdit): boolean {
  return countOpenStages(counts) === 0 && countOpenChecks(counts) > 0;
}

async function propagateEnd(edit: PlanEdit, node: NodeRef): Promise<void> {
  const draft = node.type === 'CHECK' ? await edit.knownCheck(node.id) : await edit.knownStage(node.id);
  const { outcome } = draft.current;
  invariant(outcome, `${node.type} ${node.id} ended without an outcome`);
  const edges = await edit.uow.dependencies.recordResolution(edit.before.id, node, outcome, edit.origin.at);
  if (edges.length > 0) edit.hasResolved = true;
  for (const edge of edges) await settleEdge(edit, edge);
  if (draft.type === 'STAGE') await settleStageEnd(edit, draft, outcome);
}

async function settleEdge(edit: PlanEdit, edge: ResolvedEdge): Promise<void> {
  const resolution = await edit.groups.count(edge);
  if (resolution === undefined) return;
  if (edge.source.type === 'CHECK') {
    await settleCheck(edit, await edit.knownCheck(edge.source.id), resolution);
  } else if (edge.purpose === 'CONTINUATION') {
    settleContinuation(edit, await edit.knownStage(edge.source.id));
  } else {
    settleStage(edit, await edit.knownStage(edge.source.id), resolution);
  }
}

async function settleStageEnd(edit: PlanEdit, stage: StageDraft, outcome: Outcome): Promise<void> {
  const { id, parentStageId } = stage.current;
  const assignments = stage.assignments ?? (await edit.uow.stages.assignments(edit.before.id, id));
  for (const { targetCheckId, goalState } of assignments) {
    const check = await edit.knownCheck(targetCheckId);
    setGoals(check, withEnded(check.current.goals ?? noGoals, goalState, id, outcome));
    await pursueGoals(edit, check);
  }
  if (parentStageId !== '') childEnded(edit, await edit.knownStage(parentStageId));
}
