import type { CheckView } from '../../src/domain/check.ts';
import { SERVER_OWNER } from './reference/results.ts';
import { type Check, checkOf, type Plan, stageOf, type World } from './reference/state.ts';

/**
 * The world with the stages that the server names in its own results, as far as it may name them: of several that are to
 * blame for a failed goal, or end together, it is free to name any.
 */
export function withBlame(world: World, planId: string, before: Plan, checks: readonly CheckView[]): World {
  const draft = structuredClone(world);
  const plan = draft.plans.find(({ id }) => id === planId);
  if (plan === undefined) return draft;
  for (const { id, results } of checks) {
    const check = checkOf(plan, id);
    const named = results.find(({ ownerType }) => ownerType === SERVER_OWNER)?.ownerId;
    const at = check?.results.findIndex(({ ownerType }) => ownerType === SERVER_OWNER) ?? -1;
    const result = check?.results[at];
    if (check === undefined || named === undefined || result === undefined) continue;
    if (mayBlame(plan, before, check, result.ownerId.split('|'), named))
      check.results[at] = { ...result, ownerId: named };
  }
  return draft;
}

function mayBlame(plan: Plan, before: Plan, check: Check, culprits: readonly string[], name: string): boolean {
  if (culprits.includes(name)) return true;
  const stage = stageOf(plan, name);
  const isNew = checkOf(before, check.id)?.state !== 'FINAL' && stageOf(before, name)?.state !== 'FINAL';
  const isAssigned = stage?.assignments.some(
    ({ targetCheckId, goalState }) => targetCheckId === check.id && goalState === 'PLANNED',
  );
  const endedBadly = stage?.state === 'FINAL' && ['FAILED', 'CANCELLED'].includes(stage.ownOutcome ?? '');
  return isNew && isAssigned === true && endedBadly;
}
