import { type CheckGoals, finalVerdict, planningVerdict } from '../../domain/assignment.ts';
import { SERVER_OWNER } from '../../domain/check.ts';
import type { Resolution } from '../../domain/dependency/group.ts';
import { serverFailure } from '../../domain/failure.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { CheckDraft } from './check-draft.ts';
import type { PlanEdit } from './plan-edit.ts';
import { insertResult } from './result-record.ts';
import { startTracking } from './tracking.ts';

/** PLANNING → PLANNED, and on as far as dependencies and goals allow. */
export async function enterPlanned(edit: PlanEdit, check: CheckDraft): Promise<void> {
  edit.moveCheck(check, 'PLANNED');
  await settleCheck(edit, check, await startTracking(edit, check, 'DEPENDENCIES'));
}

/** What the end of its dependencies means for a PLANNED check. In a cancelled plan nothing moves by dependencies. */
export async function settleCheck(
  edit: PlanEdit,
  check: CheckDraft,
  resolution: Resolution | undefined,
): Promise<void> {
  if (check.current.state !== 'PLANNED' || edit.isCancelled) return;
  if (resolution === 'UNSATISFIED') {
    await finalizeCheck(edit, check, 'SKIPPED');
  } else if (resolution === 'SATISFIED') {
    edit.moveCheck(check, 'WAITING');
    await edit.onWaiting(check);
    await pursueGoals(edit, check);
  }
}

/** Stores new goal progress; it is bookkeeping, no change that clients see. */
export function setGoals(check: CheckDraft, goals: CheckGoals): void {
  check.current = { ...check.current, goals };
}

/** Moves a check as far as the ends of its assigned stages ask for (semantics, section 7). */
export async function pursueGoals(edit: PlanEdit, check: CheckDraft): Promise<void> {
  const { goals, state } = check.current;
  if (goals === undefined || edit.isCancelled) return;
  switch (state) {
    case 'PLANNING': {
      const { due, failedStageId } = planningVerdict(goals);
      if (due === 'PLANNED') await enterPlanned(edit, check);
      else if (due === 'FINAL') await reachFinal(edit, check, failedStageId);
      return;
    }
    case 'WAITING': {
      const { due, failedStageId } = finalVerdict(goals);
      if (due === 'FINAL') await reachFinal(edit, check, failedStageId);
      return;
    }
    case 'PLANNED':
    case 'FINAL':
      return;
  }
}

async function reachFinal(edit: PlanEdit, check: CheckDraft, failedStageId: string | undefined): Promise<void> {
  if (failedStageId !== undefined) {
    const stage = await edit.knownStage(failedStageId);
    const ended = stage.current.outcome?.toLowerCase() ?? 'failed';
    await insertResult(edit, check, {
      id: 0,
      ownerType: SERVER_OWNER,
      ownerId: failedStageId,
      data: undefined,
      failure: serverFailure('STAGE_FAILED', `stage "${failedStageId}" ended ${ended}`, edit.origin.at),
      createdAt: edit.origin.at,
      finalizedAt: edit.origin.at,
    });
  }
  await finalizeCheck(edit, check);
}

/** Ends a check: its results are final, and they decide the outcome unless one is given. */
export async function finalizeCheck(edit: PlanEdit, check: CheckDraft, outcome?: Outcome): Promise<void> {
  const { id, resultCount } = check.current;
  const planId = edit.before.id;
  if (resultCount > 0) {
    for (const result of await edit.uow.results.finalizeOfCheck(planId, id, edit.origin.at)) {
      check.results.set(result.id, result);
    }
  }
  const failed = outcome === undefined && resultCount > 0 && (await edit.uow.results.hasFailure(planId, id));
  edit.moveCheck(check, 'FINAL', outcome ?? (failed ? 'FAILED' : 'SUCCEEDED'));
}
