import { beat, begin, leaveQueue } from './attempts.ts';
import { equal, merged, mergedOrSame } from './json.ts';
import { refuse, requireThat } from './refusal.ts';
import type { AttemptRef, AttemptWrite, ProgressWrite, StageWrite } from './requests.ts';
import { type Attempt, type AttemptState, liveAttempt, type Plan, type Stage, stageOf } from './state.ts';

/** What clients of WriteNodes may do to attempts: section 4. */

const table: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  PENDING: ['SCHEDULED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'],
  SCHEDULED: ['RUNNING', 'COMPLETE', 'INCOMPLETE'],
  RUNNING: ['COMPLETE', 'INCOMPLETE'],
  COMPLETE: [],
  INCOMPLETE: [],
};

/**
 * A write to a stage's live attempt, which it may name by its index and by its holder's uid: all of it but the end.
 * Answers the state that it asks for; undefined = none.
 */
export function feedAttempt(
  stage: Stage,
  attempt: Attempt,
  write: AttemptWrite,
  now: number,
): AttemptState | undefined {
  const { processUid: uid, details, progress } = write;
  requireThat(
    write.attemptIdx === undefined || write.attemptIdx === attempt.idx,
    'STALE_ATTEMPT',
    'not the live attempt',
  );
  const isFree = attempt.processUid === undefined || attempt.processUid === uid;
  requireThat(uid === '' || isFree, 'ATTEMPT_CLAIMED', 'held by another');
  if (uid !== '') attempt.processUid = uid;
  const asked = askedState(write);
  if (asked !== undefined && asked !== attempt.state) {
    requireThat(asked !== 'RUNNING' || attempt.processUid !== undefined, 'PROCESS_UID_REQUIRED', 'nobody holds it');
    requireThat(
      table[attempt.state].includes(asked),
      'ILLEGAL_TRANSITION',
      `no transition from ${attempt.state} to ${asked}`,
    );
    if (asked === 'SCHEDULED' || asked === 'RUNNING') begin(stage, attempt, asked, now);
  }
  if (uid !== '') {
    leaveQueue(stage, attempt, now);
    beat(stage, attempt, now);
  }
  if (details !== undefined) attempt.details = mergedOrSame(attempt.details, details);
  if (progress !== undefined) addProgress(attempt, progress);
  attempt.blockNewAttempts ||= write.blockNewAttempts;
  return asked;
}

/** The uid alone means RUNNING, a failure alone INCOMPLETE. */
function askedState({ state, failure, processUid }: AttemptWrite): AttemptState | undefined {
  if (state !== undefined) return state;
  if (failure !== undefined) return 'INCOMPLETE';
  return processUid === '' ? undefined : 'RUNNING';
}

/** Without a live attempt nothing is accepted but what happened already. */
export function requireRepeatedEnd(stage: Stage, { currentAttempt, failure: ownFailure }: StageWrite): void {
  const last = stage.attempts.at(-1);
  const failure = ownFailure ?? currentAttempt?.failure;
  requireThat(
    failure === undefined || equal(failure, last?.failure),
    'NO_LIVE_ATTEMPT',
    `${stage.id} has no live attempt`,
  );
  if (currentAttempt === undefined) return;
  const { state, processUid, attemptIdx, details, progress, blockNewAttempts } = currentAttempt;
  const asksNothing = state === undefined && failure === undefined && processUid === '';
  const isRepeated =
    last !== undefined &&
    (asksNothing || askedState({ ...currentAttempt, failure }) === last.state) &&
    (attemptIdx === undefined || attemptIdx === last.idx) &&
    (processUid === '' || processUid === last.processUid) &&
    (!blockNewAttempts || last.blockNewAttempts) &&
    (details === undefined || equal(merged(last.details, details), last.details ?? {})) &&
    (progress === undefined || isKnown(last, progress));
  requireThat(isRepeated, 'NO_LIVE_ATTEMPT', `${stage.id} has no live attempt`);
}

/** Append-only; a known idempotency key makes an equal entry a repetition. */
export function addProgress(attempt: Attempt, entry: ProgressWrite): void {
  const { idempotencyKey, percent } = entry;
  const isKnownKey = idempotencyKey !== '' && attempt.progress.some((other) => other.idempotencyKey === idempotencyKey);
  if (isKnown(attempt, entry)) return;
  if (isKnownKey) refuse('IDEMPOTENCY_KEY_REUSED', `idempotency_key ${idempotencyKey}`);
  const { message, details } = entry;
  attempt.progress.push({ message, percent, details, idempotencyKey });
  attempt.progressPercent = percent ?? attempt.progressPercent;
}

function isKnown(attempt: Attempt, { message, percent, details, idempotencyKey }: ProgressWrite): boolean {
  // No details and empty ones are the same.
  const same = (known: Attempt['progress'][number]): boolean =>
    known.idempotencyKey === idempotencyKey &&
    known.message === message &&
    known.percent === percent &&
    equal(known.details ?? {}, details ?? {});
  return idempotencyKey !== '' && attempt.progress.some(same);
}

/** The stage in whose name a write comes (section 6): the reference must be to its live attempt, and to its holder. */
export function parentOf(plan: Plan, ref: AttemptRef | undefined, now: number): Stage | undefined {
  if (ref === undefined) return undefined;
  const stage = stageOf(plan, ref.stageId);
  if (stage === undefined) return refuse('STAGE_NOT_FOUND', `no stage ${ref.stageId}`);
  const live = liveAttempt(stage);
  requireThat(live !== undefined, 'NO_LIVE_ATTEMPT', `${ref.stageId} has no live attempt`);
  requireThat(live.idx === ref.attemptIdx, 'STALE_ATTEMPT', `${ref.stageId}:${ref.attemptIdx} is not live`);
  if (ref.processUid !== '') {
    requireThat(live.processUid === ref.processUid, 'ATTEMPT_CLAIMED', `held by ${live.processUid}`);
    beat(stage, live, now);
  }
  return stage;
}
