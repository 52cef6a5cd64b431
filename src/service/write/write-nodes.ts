import type { PlanEdit } from '../edit/plan-edit.ts';
import { propagate } from '../edit/propagate.ts';
import type { WriteNodesRequest } from '../requests.ts';
import { resolveAttemptRef } from './attempt-ref.ts';
import { endChecks, planChecks } from './check-states.ts';
import { assertAcyclic } from './cycle-guard.ts';
import { declareNodes } from './declare-nodes.ts';
import { DeferredWrites } from './deferred-writes.ts';
import { defineCheck } from './define-check.ts';
import { defineStage } from './define-stage.ts';
import { startStages } from './stage-states.ts';
import type { WriteContext, WriteRules } from './write-context.ts';

/**
 * Applies a write to a plan, in passes, so that the order of nodes inside a request does not matter: all nodes exist
 * before edges are judged; definitions come before states; ends come before the advances that they cause; results and
 * attempts are judged after those advances, at the latest when the plan has come to rest (semantics, sections 2–8).
 */
export async function applyWrite(edit: PlanEdit, request: WriteNodesRequest, rules: WriteRules): Promise<void> {
  const parent = await resolveAttemptRef(edit, request.attempt);
  const { checks, stages } = await declareNodes(edit, request, rules, parent);
  const context: WriteContext = { edit, rules, checks, stages, parent, gained: [], attemptOwners: [] };

  for (const op of checks) await defineCheck(context, op);
  for (const op of stages) await defineStage(context, op);
  await assertAcyclic(context);

  const deferred = new DeferredWrites(context, request.reason);
  await endChecks(context);
  await planChecks(context);
  await deferred.takeResults();
  await startStages(context, request.reason);
  await propagate(edit);
  await deferred.settle();
}
