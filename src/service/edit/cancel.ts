import { isOwned } from '../../domain/attempt.ts';
import { serverFailure } from '../../domain/failure.ts';
import { askToStop } from './attempt-life.ts';
import { finalizeCheck } from './check-life.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { StageDraft } from './stage-draft.ts';
import { endAttempt, finishStage } from './stage-life.ts';

/** Cancels a stage and its children that are not FINAL (semantics, section 8). Repeating it has no effect. */
export async function cancelStage(edit: PlanEdit, stage: StageDraft, reason: string): Promise<void> {
  const open = [stage];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { state, cancelledAt } = next.current;
    if (state === 'FINAL' || cancelledAt !== undefined) continue;
    edit.changeStage(next, { cancelledAt: edit.origin.at, cancelReason: reason });
    await stopStage(edit, next, reason);
    for (const child of await openChildren(edit, next)) open.push(child);
  }
}

async function stopStage(edit: PlanEdit, stage: StageDraft, reason: string): Promise<void> {
  switch (stage.current.state) {
    case 'PLANNED':
      finishStage(edit, stage, 'CANCELLED');
      return;
    case 'ATTEMPTING':
      await stopAttempt(edit, stage, reason);
      return;
    case 'AWAITING_GROUP':
      finishStage(edit, stage);
      return;
    case 'FINAL':
      return;
  }
}

async function stopAttempt(edit: PlanEdit, stage: StageDraft, reason: string): Promise<void> {
  const attempt = await edit.liveAttempt(stage);
  if (isOwned(attempt.current)) askToStop(edit, stage, attempt, 'CANCEL', reason || 'cancelled');
  else await endCancelled(edit, stage, reason);
}

/** Ends the live attempt of a cancelled stage. */
export async function endCancelled(edit: PlanEdit, stage: StageDraft, reason: string): Promise<void> {
  const attempt = await edit.liveAttempt(stage);
  const failure = serverFailure('CANCELLED', reason || 'cancelled', edit.origin.at);
  await endAttempt(edit, stage, attempt, { state: 'INCOMPLETE', failure, final: true }, { stop: failure.message });
}

/** Children that may be open, the youngest first. */
async function openChildren(edit: PlanEdit, parent: StageDraft): Promise<readonly StageDraft[]> {
  const { id } = parent.current;
  const children: StageDraft[] = [];
  if (parent.before !== undefined) {
    for (const childId of await edit.uow.stages.openChildIds(edit.before.id, id)) {
      children.push(await edit.knownStage(childId));
    }
  }
  return [...children, ...edit.createdChildren(id)].reverse();
}

/** Cancels a whole plan; what is running is told to stop, the rest ends at once. Only an ACTIVE plan is touched. */
export async function cancelPlan(edit: PlanEdit, reason: string): Promise<void> {
  if (edit.plan.state !== 'ACTIVE') return;
  edit.changePlan({ state: 'CANCELLED', outcome: 'CANCELLED', cancelledAt: edit.origin.at, cancelReason: reason });
  for (const id of await edit.uow.stages.openIds(edit.before.id)) {
    await cancelStage(edit, await edit.knownStage(id), reason);
  }
}

/** In a cancelled plan without open stages no check is left open. */
export async function cancelOpenChecks(edit: PlanEdit): Promise<void> {
  for (const id of await edit.uow.checks.openIds(edit.before.id)) await edit.knownCheck(id);
  for (const check of [...edit.checks.values()]) {
    if (check.current.state !== 'FINAL') await finalizeCheck(edit, check, 'CANCELLED');
  }
}
