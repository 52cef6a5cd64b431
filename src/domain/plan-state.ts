import type { CheckState } from './check.ts';
import type { Outcome } from './outcome.ts';
import type { StageState } from './stage.ts';
import type { NodeCounts, WorkPlan, WorkPlanState } from './work-plan.ts';

export const emptyCounts: NodeCounts = {
  checks: { PLANNING: 0, PLANNED: 0, WAITING: 0, FINAL: 0 },
  stages: { PLANNED: 0, ATTEMPTING: 0, AWAITING_GROUP: 0, FINAL: 0 },
  failed: 0,
  cancelled: 0,
};

export function countNodes(counts: NodeCounts): number {
  return sum(counts.checks) + sum(counts.stages);
}

export function countOpenChecks(counts: NodeCounts): number {
  return sum(counts.checks) - counts.checks.FINAL;
}

export function countOpenStages(counts: NodeCounts): number {
  return sum(counts.stages) - counts.stages.FINAL;
}

function sum(counts: Readonly<Record<CheckState, number>> | Readonly<Record<StageState, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Nothing of the plan is left to run or to answer. */
export function isQuiet(counts: NodeCounts): boolean {
  return countNodes(counts) > 0 && countOpenChecks(counts) + countOpenStages(counts) === 0;
}

/**
 * State and outcome of a plan after a change of its counters (semantics, section 8): COMPLETE when it has nodes and all
 * are FINAL, ACTIVE again when nodes were added, CANCELLED for ever.
 */
export function planState(
  plan: Pick<WorkPlan, 'state'>,
  counts: NodeCounts,
): { readonly state: WorkPlanState; readonly outcome: Outcome | undefined } {
  if (plan.state === 'CANCELLED') return { state: 'CANCELLED', outcome: 'CANCELLED' };
  if (!isQuiet(counts)) return { state: 'ACTIVE', outcome: undefined };
  return { state: 'COMPLETE', outcome: worstOutcome(counts) };
}

function worstOutcome(counts: NodeCounts): Outcome {
  if (counts.failed > 0) return 'FAILED';
  return counts.cancelled > 0 ? 'CANCELLED' : 'SUCCEEDED';
}
