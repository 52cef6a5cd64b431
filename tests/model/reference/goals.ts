import type { Check, Plan, Stage } from './state.ts';
import { stageOutcome } from './state.ts';

/** What stages that are assigned to a check ask for: section 7. */

/** `culprits` are the stages for whose sake the goal failed; none = it did not. */
export type Due = { readonly goal: 'PLANNED' | 'FINAL'; readonly culprits: readonly Stage[] };

function assigned(plan: Plan, check: Check, goal?: 'PLANNED' | 'FINAL'): readonly Stage[] {
  return plan.stages.filter((stage) =>
    stage.assignments.some(
      ({ targetCheckId, goalState }) => targetCheckId === check.id && (goal === undefined || goal === goalState),
    ),
  );
}

const isFinal = (stage: Stage) => stage.state === 'FINAL';
const endedBadly = (stage: Stage) => ['FAILED', 'CANCELLED'].includes(stageOutcome(stage) ?? '');
const succeeded = (stage: Stage) => stageOutcome(stage) === 'SUCCEEDED';
const skipped = (stage: Stage) => stageOutcome(stage) === 'SKIPPED';

/** SKIPPED stages count as failed only if none SUCCEEDED. */
function culprits(stages: readonly Stage[]): readonly Stage[] {
  if (stages.some(endedBadly)) return stages.filter(endedBadly);
  return stages.some(succeeded) ? [] : stages.filter(skipped);
}

/** Goal FINAL is due when all assigned stages are FINAL and at least one names FINAL. */
export function dueFinal(plan: Plan, check: Check): Due | undefined {
  const all = assigned(plan, check);
  if (assigned(plan, check, 'FINAL').length === 0 || !all.every(isFinal)) return undefined;
  return { goal: 'FINAL', culprits: culprits(all) };
}

/** What is due for a check in PLANNING. A goal PLANNED that failed ends the check at once, at the first such stage. */
export function dueInPlanning(plan: Plan, check: Check): Due | undefined {
  const planning = assigned(plan, check, 'PLANNED');
  if (planning.some(endedBadly) || (planning.length > 0 && planning.every(isFinal))) {
    const blamed = culprits(planning);
    return { goal: blamed.length > 0 ? 'FINAL' : 'PLANNED', culprits: blamed };
  }
  return dueFinal(plan, check) === undefined ? undefined : { goal: 'PLANNED', culprits: [] };
}
