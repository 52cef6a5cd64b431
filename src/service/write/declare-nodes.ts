import { AppError } from '../../domain/error.ts';
import { describeNode, type NodeRef } from '../../domain/node.ts';
import { countNodes } from '../../domain/plan-state.ts';
import { resolvePolicy } from '../../domain/policy.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import type { StageWrite, WriteNodesRequest } from '../requests.ts';
import { versionMismatch } from './refusals.ts';
import type { CheckOp, StageOp, WriteRules } from './write-context.ts';

/** Finds the nodes that a write names and creates those that do not exist, so that any of them can be a target. */
export async function declareNodes(
  edit: PlanEdit,
  request: WriteNodesRequest,
  rules: WriteRules,
  parent: StageDraft | undefined,
): Promise<{ readonly checks: readonly CheckOp[]; readonly stages: readonly StageOp[] }> {
  const checks: CheckOp[] = [];
  for (const [index, write] of request.checks.entries()) {
    const existing = await edit.check(write.id);
    assertVersion({ type: 'CHECK', id: write.id }, existing, write.expectedVersion);
    const draft = existing ?? declareCheck(edit, write.id);
    draft.byWriter = true;
    checks.push({ write, path: ['checks', index], draft });
  }
  const stages: StageOp[] = [];
  for (const [index, write] of request.stages.entries()) {
    const existing = await edit.stage(write.id);
    assertVersion({ type: 'STAGE', id: write.id }, existing, write.expectedVersion);
    const draft = existing ?? declareStage(edit, write, rules, parent);
    draft.byWriter = true;
    stages.push({ write, path: ['stages', index], draft });
  }
  const nodes = countNodes(edit.counts);
  const isGrowing = nodes > countNodes(edit.before.counts);
  if (isGrowing && nodes > rules.limits.nodesPerPlan) {
    throw new AppError(
      'PLAN_NODES_LIMIT',
      `the plan would have ${nodes} nodes; at most ${rules.limits.nodesPerPlan} are allowed: start another plan`,
      { metadata: { limit: String(rules.limits.nodesPerPlan), nodes: String(nodes) } },
    );
  }
  return { checks, stages };
}

function assertVersion(node: NodeRef, draft: CheckDraft | StageDraft | undefined, expected: number | undefined): void {
  const actual = draft?.before?.version ?? 0;
  if (expected === undefined || expected === actual) return;
  const found = actual === 0 ? 'it does not exist' : `it has version ${actual}`;
  const asked = expected === 0 ? 'that it does not exist' : `version ${expected}`;
  throw versionMismatch(`${describeNode(node)}: the write expects ${asked}, but ${found}`, expected, actual, {
    node_type: node.type.toLowerCase(),
    node_id: node.id,
  });
}

function declareCheck(edit: PlanEdit, id: string): CheckDraft {
  const { at } = edit.origin;
  return edit.addCheck({
    planId: edit.before.id,
    id,
    state: 'PLANNING',
    kind: '',
    outcome: undefined,
    version: 1,
    revision: edit.revision,
    createdAt: at,
    updatedAt: at,
    goals: undefined,
    resultCount: 0,
  });
}

function declareStage(
  edit: PlanEdit,
  write: StageWrite,
  rules: WriteRules,
  parent: StageDraft | undefined,
): StageDraft {
  const { at } = edit.origin;
  if (parent !== undefined) {
    parent.current = { ...parent.current, openChildren: parent.current.openChildren + 1 };
  }
  return edit.addStage({
    planId: edit.before.id,
    id: write.id,
    state: 'PLANNED',
    executionMode: write.executionMode ?? 'SYNC',
    runnerType: write.runnerType,
    policy: resolvePolicy(write.executionPolicy, rules.policyDefaults),
    outcome: undefined,
    concludedReason: undefined,
    parentStageId: parent?.current.id ?? '',
    cancelledAt: undefined,
    cancelReason: '',
    timedOut: false,
    attemptCount: 0,
    openChildren: 0,
    hasContinuationGroup: false,
    version: 1,
    revision: edit.revision,
    createdAt: at,
    updatedAt: at,
  });
}
