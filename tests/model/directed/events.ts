import type { RunOutcome } from '../../../src/service/execution/runner-calls.ts';
import { attemptWrite, definition, stageWrite } from '../generate/stages.ts';
import { noGroup } from '../reference/dependencies.ts';
import type { AttemptWrite, CheckWrite, PolicyWrite, StageWrite } from '../reference/requests.ts';
import { newStage } from '../reference/stage-writes.ts';
import type { Group } from '../reference/state.ts';

/** What may be asked of a node or an attempt: one thing at a time. */

/** Waits for the check `c0`. */
export const onCheck: Group = {
  ...noGroup,
  dependencies: [{ targetType: 'CHECK', targetId: 'c0', condition: 'FINAL' }],
};

/** One attempt, and the defaults. */
export const once: PolicyWrite = {
  maxAttempts: 1,
  attemptTimeoutMs: undefined,
  heartbeatTimeoutMs: undefined,
  stageTimeoutMs: undefined,
  backoffInitialMs: undefined,
  backoffMultiplier: undefined,
  backoffMaxMs: undefined,
};

export const failure = { message: 'broken', reason: 'BAD' };

export const checkEvents: readonly Partial<CheckWrite>[] = [
  { state: 'PLANNING' },
  { state: 'PLANNED' },
  { state: 'WAITING' },
  { state: 'FINAL' },
  { kind: 'unit' },
  { options: { a: 1 } },
  { dependencies: onCheck },
  { result: { ownerType: 'user', ownerId: 'x', data: { a: 1 }, finalize: false, failure: undefined } },
];

const same = definition(newStage(stageWrite(''), '', 0));

export const stageEvents: readonly Partial<StageWrite>[] = [
  { state: 'PLANNED' },
  { state: 'ATTEMPTING' },
  { state: 'AWAITING_GROUP' },
  { state: 'FINAL' },
  { state: 'FINAL', failure },
  { executionMode: same.executionMode },
  { executionMode: 'ASYNC' },
  { continuationGroup: noGroup },
  { cancel: true },
  { currentAttempt: attemptWrite({ state: 'COMPLETE' }) },
];

export const attemptEvents: readonly Partial<AttemptWrite>[] = [
  { state: 'PENDING' },
  { state: 'SCHEDULED' },
  { state: 'RUNNING' },
  { state: 'RUNNING', processUid: 'u1' },
  { state: 'COMPLETE' },
  { state: 'INCOMPLETE' },
  { processUid: 'u1' },
  { processUid: 'u2' },
  { failure },
  { details: { a: 1 } },
  { progress: { message: 'step', percent: 10, details: undefined, idempotencyKey: '', timestamp: undefined } },
  { blockNewAttempts: true },
  { attemptIdx: 2 },
];

const answer = { stageState: undefined, checkUpdates: [], failure: undefined, details: undefined };

/** How a call may end; undelivered as the last, since its runner is suspended then. */
export const callEnds: readonly RunOutcome[] = [
  { kind: 'ANSWERED', answer },
  { kind: 'TIMED_OUT', message: '' },
  { kind: 'BROKEN', message: '' },
  { kind: 'UNDELIVERED', message: '' },
];
