import { beginAttempting } from './attempts.ts';
import { finishCheck } from './checks.ts';
import { continuationVerdict, groupVerdict } from './dependencies.ts';
import { type Due, dueFinal, dueInPlanning } from './goals.ts';
import { failedGoal } from './results.ts';
import { type Check, type Outcome, type Plan, type Stage, stageOutcome } from './state.ts';

/** What the server does by itself within a write, one step after another until nothing more moves. */
export function advance(plan: Plan, now: number): void {
  while (takeStep(plan, now));
}

/** One such step; false = nothing moves. */
export function takeStep(plan: Plan, now: number): boolean {
  const hasMoved =
    plan.checks.some((check) => advanceCheck(plan, check)) ||
    plan.stages.some((stage) => advanceStage(plan, stage, now)) ||
    endCancelledChecks(plan);
  settlePlan(plan);
  return hasMoved;
}

/** Sections 2, 5 and 7. In a cancelled plan they move no check. */
function advanceCheck(plan: Plan, check: Check): boolean {
  if (plan.state === 'CANCELLED') return false;
  switch (check.state) {
    case 'PLANNING': {
      const due = dueInPlanning(plan, check);
      if (due === undefined) return false;
      if (due.goal === 'PLANNED') check.state = 'PLANNED';
      else endByGoal(plan, check, due);
      return true;
    }
    case 'PLANNED': {
      const verdict = groupVerdict(plan, check.dependencies);
      if (verdict === 'SATISFIED') check.state = 'WAITING';
      if (verdict === 'UNSATISFIED') finishCheck(plan, check, 'SKIPPED');
      return verdict !== 'OPEN';
    }
    case 'WAITING': {
      const due = dueFinal(plan, check);
      if (due !== undefined) endByGoal(plan, check, due);
      return due !== undefined;
    }
    case 'FINAL':
      return false;
  }
}

function endByGoal(plan: Plan, check: Check, { culprits }: Due): void {
  if (culprits.length > 0) check.results.push(failedGoal(culprits));
  finishCheck(plan, check);
}

/** Sections 3, 5 and 6. */
function advanceStage(plan: Plan, stage: Stage, now: number): boolean {
  switch (stage.state) {
    case 'PLANNED': {
      const verdict = groupVerdict(plan, stage.dependencies);
      if (verdict === 'SATISFIED') beginAttempting(stage, now);
      if (verdict === 'UNSATISFIED') {
        stage.ownOutcome = 'SKIPPED';
        stage.concludedReason = 'DEPENDENCIES_UNSATISFIED';
        stage.state = 'FINAL';
      }
      return verdict !== 'OPEN';
    }
    case 'AWAITING_GROUP': {
      const isResolved = stage.cancelled || continuationVerdict(plan, stage) !== 'OPEN';
      const isLate = stage.waitsTooLate;
      if (!isResolved && isLate) stage.concludedReason = 'STAGE_TIMEOUT';
      if (isResolved || isLate) stage.state = 'FINAL';
      return isResolved || isLate;
    }
    case 'ATTEMPTING':
    case 'FINAL':
      return false;
  }
}

/** Section 8: once no stage of a cancelled plan is left, its checks end. */
function endCancelledChecks(plan: Plan): boolean {
  if (plan.state !== 'CANCELLED' || plan.stages.some((stage) => stage.state !== 'FINAL')) return false;
  const open = plan.checks.filter((check) => check.state !== 'FINAL');
  for (const check of open) finishCheck(plan, check, 'CANCELLED');
  return open.length > 0;
}

/** State and outcome of the plan (section 8), from those of its nodes. */
function settlePlan(plan: Plan): void {
  const nodes = [...plan.checks, ...plan.stages];
  if (plan.state !== 'CANCELLED') {
    const isComplete = nodes.length > 0 && nodes.every((node) => node.state === 'FINAL');
    plan.state = isComplete ? 'COMPLETE' : 'ACTIVE';
  }
  plan.outcome = planOutcome(plan);
}

function planOutcome(plan: Plan): Outcome | undefined {
  if (plan.state === 'ACTIVE') return undefined;
  if (plan.state === 'CANCELLED') return 'CANCELLED';
  const outcomes = [...plan.checks.map((check) => check.outcome), ...plan.stages.map(stageOutcome)];
  if (outcomes.includes('FAILED')) return 'FAILED';
  return outcomes.includes('CANCELLED') ? 'CANCELLED' : 'SUCCEEDED';
}
