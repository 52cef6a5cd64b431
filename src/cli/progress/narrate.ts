import { AttemptState, CheckState, ConcludedReason, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { oneLine } from '../output.ts';
import {
  type AttemptPicture,
  type Board,
  type BoardChange,
  hasEnded,
  isFolded,
  outcomeWords,
  type StagePicture,
} from './board.ts';
import { formatDuration } from './duration.ts';

/** Something worth a line of its own when progress goes to a pipe or a log. */
export type Remark = { readonly at: number; readonly node: string; readonly text: string };

/** What a change says to somebody who reads along; nothing for most changes. */
export function narrate(change: BoardChange, { stages }: Board): readonly Remark[] {
  if (change.type === 'STAGE') {
    const node = change.after.id;
    return stageTexts(change.before, change.after).map((text) => ({ at: change.at, node, text }));
  }
  if (change.type !== 'CHECK') return [];
  const { before, after, at } = change;
  if (after.state !== CheckState.FINAL || before?.state === CheckState.FINAL || isFolded(after, stages)) return [];
  const why = after.failure === '' || after.outcome !== Outcome.FAILED ? '' : `: ${oneLine(after.failure)}`;
  return [{ at, node: after.id, text: `check ${outcomeWords[after.outcome]}${why}` }];
}

function stageTexts(before: StagePicture | undefined, after: StagePicture): readonly string[] {
  if (after.state === StageState.FINAL) return before?.state === StageState.FINAL ? [] : [finalText(after)];
  const isHeld = after.state === StageState.AWAITING_GROUP && before?.state !== StageState.AWAITING_GROUP;
  return [
    retryText(before, after),
    startText(before, after),
    isHeld ? 'done, waits for the stages that it added' : '',
  ].filter((text) => text !== '');
}

/** An attempt failed that is not the last one. */
function retryText(before: StagePicture | undefined, { failed, maxAttempts }: StagePicture): string {
  if (failed === undefined || failed.idx === before?.failed?.idx || failed.idx >= maxAttempts) return '';
  return `${attemptWords(failed, maxAttempts)} failed: ${oneLine(failed.failure)}`;
}

function startText(before: StagePicture | undefined, { attempt, maxAttempts }: StagePicture): string {
  if (attempt === undefined || !isAtWork(attempt)) return '';
  if (before?.attempt?.idx === attempt.idx && isAtWork(before.attempt)) return '';
  return [maxAttempts > 1 ? attemptWords(attempt, maxAttempts) : '', beginText(attempt)].filter(Boolean).join(' ');
}

function isAtWork({ state }: AttemptPicture): boolean {
  return state === AttemptState.SCHEDULED || state === AttemptState.RUNNING;
}

function beginText({ state, runnerId }: AttemptPicture): string {
  const runner = oneLine(runnerId);
  if (state === AttemptState.SCHEDULED) return `accepted by ${runner}`;
  return runner === '' ? 'started' : `started on ${runner}`;
}

/** What holds a stage up that could start. */
export function runnerWaitText({ runnerType }: StagePicture): string {
  return `waits for a runner of type ${oneLine(runnerType)}`;
}

/** `attempt 2 of 3`. */
export function attemptWords({ idx }: AttemptPicture, maxAttempts: number): string {
  return `attempt ${idx} of ${maxAttempts}`;
}

function finalText(stage: StagePicture): string {
  const word = outcomeWords[stage.outcome];
  const took = durationOf(stage.attempt);
  const lasting =
    took === undefined ? '' : ` ${stage.outcome === Outcome.SUCCEEDED ? 'in' : 'after'} ${formatDuration(took)}`;
  return `${word}${lasting}${reasonText(stage)}`;
}

/** Why a stage ended as it did, after a colon; empty when the outcome says it all. */
export function reasonText({ outcome, reason, attempt }: StagePicture): string {
  if (outcome === Outcome.SUCCEEDED) return '';
  if (reason === ConcludedReason.DEPENDENCIES_UNSATISFIED) return ': what it needs did not come about';
  const failure = attempt?.failure ?? '';
  return failure === '' || outcome !== Outcome.FAILED ? '' : `: ${oneLine(failure)}`;
}

/** How long the last attempt ran, in milliseconds, if it ran and has ended. */
export function durationOf(attempt: AttemptPicture | undefined): number | undefined {
  if (attempt?.startedAt === undefined || attempt.endedAt === undefined || !hasEnded(attempt)) return undefined;
  return attempt.endedAt - attempt.startedAt;
}
