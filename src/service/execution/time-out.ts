import { isOwned } from '../../domain/attempt.ts';
import { serverFailure } from '../../domain/failure.ts';
import { askToStop } from '../edit/attempt-life.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import { endAttempt, finishStage, timeOutGroup } from '../edit/stage-life.ts';
import type { LiveAttempt } from './live-attempt.ts';

/** Acts on a stage_timeout that has passed (semantics, section 4); answers whether there was anything to do. */
export async function timeOutStage(edit: PlanEdit, stage: StageDraft): Promise<boolean> {
  const { state, timedOut } = stage.current;
  if (timedOut || state === 'FINAL') return false;
  if (state === 'AWAITING_GROUP') {
    timeOutGroup(edit, stage);
    return true;
  }
  edit.changeStage(stage, { timedOut: true });
  if (state === 'PLANNED') {
    finishStage(edit, stage, 'STAGE_TIMEOUT');
    return true;
  }
  const attempt = await edit.liveAttempt(stage);
  if (isOwned(attempt.current)) askToStop(edit, stage, attempt, 'TIMEOUT', stageTimeoutMessage(stage));
  else await endTimedOut(edit, { stage, attempt });
  return true;
}

/** An attempt has run for its attempt_timeout. One of the server's own executors is stopped first, to tell what it did. */
export async function timeOutAttempt(edit: PlanEdit, live: LiveAttempt): Promise<void> {
  const { stage, attempt } = live;
  if (attempt.current.dispatch !== 'BUILTIN' || attempt.current.cancelBy !== undefined) {
    await endTimedOut(edit, live);
    return;
  }
  edit.changeAttempt(stage, attempt, { deadline: undefined });
  askToStop(edit, stage, attempt, 'TIMEOUT', attemptTimeoutMessage(stage));
}

/** Ends an attempt INCOMPLETE(TIMEOUT): by policy, or for good when it is the stage's time that is up. */
export async function endTimedOut(edit: PlanEdit, { stage, attempt }: LiveAttempt): Promise<void> {
  const isStages = stage.current.timedOut;
  const message = isStages ? stageTimeoutMessage(stage) : attemptTimeoutMessage(stage);
  const failure = serverFailure('TIMEOUT', message, edit.origin.at);
  const end = { state: 'INCOMPLETE', failure, final: isStages } as const;
  await endAttempt(edit, stage, attempt, end, { force: isStages, stop: message });
}

function stageTimeoutMessage({ current }: StageDraft): string {
  return `the stage took longer than its stage_timeout of ${seconds(current.policy.stageTimeoutMs)}`;
}

function attemptTimeoutMessage({ current }: StageDraft): string {
  return `the attempt took longer than its attempt_timeout of ${seconds(current.policy.attemptTimeoutMs)}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
