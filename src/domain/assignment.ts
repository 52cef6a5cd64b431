import type { Outcome } from './outcome.ts';

export const goalStates = ['PLANNED', 'FINAL'] as const;
export type GoalState = (typeof goalStates)[number];

/** A stage's promise to bring a check to a state. */
export type Assignment = { readonly targetCheckId: string; readonly goalState: GoalState };

/**
 * How far the stages assigned to one check have come. Kept with every change of an assigned stage, so that a check with
 * n assigned stages costs n updates and never a count over them.
 */
export type CheckGoals = {
  /** Stages assigned with goal PLANNED. */
  readonly planned: GoalProgress;
  /** All assigned stages: what goal FINAL waits for. */
  readonly all: GoalProgress;
  /** How many of all name FINAL. */
  readonly finalGoals: number;
};

export type GoalProgress = {
  readonly total: number;
  readonly open: number;
  readonly succeeded: number;
  /** The first stage that FAILED or was CANCELLED; empty = none. */
  readonly failedStageId: string;
  /** The first stage that was SKIPPED; empty = none. */
  readonly skippedStageId: string;
};

const noProgress: GoalProgress = { total: 0, open: 0, succeeded: 0, failedStageId: '', skippedStageId: '' };

export const noGoals: CheckGoals = { planned: noProgress, all: noProgress, finalGoals: 0 };

/** The goals after one more stage, not FINAL yet, was assigned. */
export function withAssigned(goals: CheckGoals, goal: GoalState): CheckGoals {
  return {
    planned: goal === 'PLANNED' ? withOpen(goals.planned) : goals.planned,
    all: withOpen(goals.all),
    finalGoals: goals.finalGoals + (goal === 'FINAL' ? 1 : 0),
  };
}

function withOpen(progress: GoalProgress): GoalProgress {
  return { ...progress, total: progress.total + 1, open: progress.open + 1 };
}

/** The goals after an assigned stage became FINAL. */
export function withEnded(goals: CheckGoals, goal: GoalState, stageId: string, outcome: Outcome): CheckGoals {
  return {
    ...goals,
    planned: goal === 'PLANNED' ? withEnd(goals.planned, stageId, outcome) : goals.planned,
    all: withEnd(goals.all, stageId, outcome),
  };
}

function withEnd(progress: GoalProgress, stageId: string, outcome: Outcome): GoalProgress {
  const failed = outcome === 'FAILED' || outcome === 'CANCELLED';
  return {
    total: progress.total,
    open: progress.open - 1,
    succeeded: progress.succeeded + (outcome === 'SUCCEEDED' ? 1 : 0),
    failedStageId: progress.failedStageId || (failed ? stageId : ''),
    skippedStageId: progress.skippedStageId || (outcome === 'SKIPPED' ? stageId : ''),
  };
}

/** What a check's goals ask for now (semantics, section 7). */
export type GoalVerdict = {
  /** The step that is due; undefined = none. */
  readonly due: GoalState | undefined;
  /** The stage for whose sake the goal failed; undefined = it did not. */
  readonly failedStageId: string | undefined;
};

const nothingDue: GoalVerdict = { due: undefined, failedStageId: undefined };

/**
 * What is due for a check in PLANNING. PLANNED: the goal is reached, or goal FINAL is due and starts with this step.
 * FINAL: goal PLANNED failed, which ends the check at once, whatever its own dependencies, since the plan is not whole.
 */
export function planningVerdict(goals: CheckGoals): GoalVerdict {
  const { planned } = goals;
  if (planned.failedStageId !== '') return { due: 'FINAL', failedStageId: planned.failedStageId };
  if (planned.total > 0 && planned.open === 0) {
    const failed = failedStage(planned);
    return failed === undefined
      ? { due: 'PLANNED', failedStageId: undefined }
      : { due: 'FINAL', failedStageId: failed };
  }
  return finalVerdict(goals).due === undefined ? nothingDue : { due: 'PLANNED', failedStageId: undefined };
}

/** What is due for a check in WAITING: FINAL once all assigned stages are FINAL and at least one of them names FINAL. */
export function finalVerdict(goals: CheckGoals): GoalVerdict {
  if (goals.finalGoals === 0 || goals.all.open > 0) return nothingDue;
  return { due: 'FINAL', failedStageId: failedStage(goals.all) };
}

/** SKIPPED stages count as failed only if none SUCCEEDED. */
function failedStage(progress: GoalProgress): string | undefined {
  if (progress.failedStageId !== '') return progress.failedStageId;
  return progress.succeeded === 0 && progress.skippedStageId !== '' ? progress.skippedStageId : undefined;
}
