import { feedAttempt, requireRepeatedEnd } from './attempt-writes.ts';
import { completeAttempt, failAttempt } from './attempts.ts';
import { noGroup, sameGroups, merged as withoutRepeats } from './dependencies.ts';
import { equal } from './json.ts';
import { refuse, requireThat } from './refusal.ts';
import type { PolicyWrite, StageWrite } from './requests.ts';
import {
  type Assignment,
  type Attempt,
  type Group,
  isOwned,
  liveAttempt,
  type Plan,
  type Policy,
  type Stage,
  type StageState,
} from './state.ts';

/** What clients of WriteNodes may do to stages: section 3. */

const defaults: Policy = {
  maxAttempts: 3,
  attemptTimeoutMs: 300_000,
  heartbeatTimeoutMs: 0,
  stageTimeoutMs: 0,
  backoffInitialMs: 1000,
  backoffMultiplier: 2,
  backoffMaxMs: 60_000,
};

/** What was written, over what holds where nothing was. */
function policyOf(written: PolicyWrite | undefined, base: Policy): Policy {
  return {
    maxAttempts: written?.maxAttempts ?? base.maxAttempts,
    attemptTimeoutMs: written?.attemptTimeoutMs ?? base.attemptTimeoutMs,
    heartbeatTimeoutMs: written?.heartbeatTimeoutMs ?? base.heartbeatTimeoutMs,
    stageTimeoutMs: written?.stageTimeoutMs ?? base.stageTimeoutMs,
    backoffInitialMs: written?.backoffInitialMs ?? base.backoffInitialMs,
    backoffMultiplier: written?.backoffMultiplier ?? base.backoffMultiplier,
    backoffMaxMs: written?.backoffMaxMs ?? base.backoffMaxMs,
  };
}

export function newStage(write: StageWrite, parentId: string, now: number): Stage {
  return {
    id: write.id,
    parentId,
    args: write.args,
    assignments: write.assignments,
    dependencies: withoutRepeats(write.dependencies ?? noGroup),
    mode: write.executionMode ?? 'SYNC',
    runnerType: write.runnerType,
    policy: policyOf(write.executionPolicy, defaults),
    createdAt: now,
    state: 'PLANNED',
    ownOutcome: undefined,
    concludedReason: undefined,
    continuation: undefined,
    cancelled: false,
    timedOut: false,
    waitsTooLate: false,
    attempts: [],
    version: 0,
    revision: 0,
  };
}

const byTarget = (assignments: readonly Assignment[]) =>
  assignments.toSorted((a, b) => (a.targetCheckId < b.targetCheckId ? -1 : 1));

/** What was said at the creation may be said again, or left out. */
export function requireSameDefinition(stage: Stage, write: StageWrite): void {
  const same =
    (write.args === undefined || equal(write.args, stage.args ?? {})) &&
    (write.assignments.length === 0 || equal(byTarget(write.assignments), byTarget(stage.assignments))) &&
    (write.dependencies === undefined || sameGroups(write.dependencies, stage.dependencies)) &&
    (write.executionMode === undefined || write.executionMode === stage.mode) &&
    (write.runnerType === '' || write.runnerType === stage.runnerType) &&
    equal(policyOf(write.executionPolicy, stage.policy), stage.policy);
  requireThat(same, 'IMMUTABLE_FIELD', `${stage.id} exists with other values`);
}

/** The last one written wins; once the stage waits for its group, only an equal one is accepted. */
export function setContinuation(stage: Stage, group: Group | undefined): void {
  if (group === undefined) return;
  if (stage.continuation !== undefined && sameGroups(group, stage.continuation)) return;
  const isOpen = stage.state === 'PLANNED' || stage.state === 'ATTEMPTING';
  requireThat(isOpen, 'IMMUTABLE_FIELD', `the continuation group of ${stage.id} is fixed`);
  stage.continuation = withoutRepeats(group);
}

const byWriter: Readonly<Record<StageState | 'NEW', readonly StageState[]>> = {
  NEW: ['PLANNED', 'ATTEMPTING'],
  PLANNED: ['ATTEMPTING', 'FINAL'],
  ATTEMPTING: ['AWAITING_GROUP', 'FINAL'],
  AWAITING_GROUP: ['FINAL'],
  FINAL: [],
};

/** A writer's wish for a state, judged by the table. */
export function requireStageTransition(from: StageState | 'NEW', to: StageState | undefined): void {
  const isListed = to === undefined || from === to || byWriter[from].includes(to);
  requireThat(isListed, 'ILLEGAL_TRANSITION', `no transition from ${from} to ${to}`);
}

/** A writer ends a stage that has no live attempt: it skips one that has not begun, or ends the wait for the group. */
export function endWithoutAttempt(stage: Stage, { failure }: StageWrite): void {
  requireThat(failure === undefined, 'NO_LIVE_ATTEMPT', 'a failure needs a live attempt');
  if (stage.state === 'PLANNED') {
    stage.ownOutcome = 'SKIPPED';
    stage.concludedReason = 'SKIPPED_BY_WRITER';
  }
  stage.state = 'FINAL';
}

/**
 * What a write says about the attempt of its stage: claims and reports first, then the end, by the attempt's state or by
 * the stage's.
 */
export function writeStageAttempt(plan: Plan, stage: Stage, write: StageWrite, now: number): void {
  const live = stage.state === 'ATTEMPTING' ? liveAttempt(stage) : undefined;
  if (live === undefined) requireRepeatedEnd(stage, write);
  else writeLiveAttempt(plan, stage, live, write, now);
}

function writeLiveAttempt(plan: Plan, stage: Stage, live: Attempt, write: StageWrite, now: number): void {
  const { state, currentAttempt } = write;
  const asked = currentAttempt === undefined ? undefined : feedAttempt(stage, live, currentAttempt, now);
  const failure = write.failure ?? currentAttempt?.failure;
  const leaves = state === 'FINAL' || state === 'AWAITING_GROUP';
  if (failure !== undefined && asked === 'COMPLETE') refuse('INVALID_FIELD', 'COMPLETE with a failure');
  const earlier = stage.attempts.at(-2);
  if (failure !== undefined || asked === 'INCOMPLETE') {
    failAttempt(plan, stage, live, failure, now, leaves);
  } else if (state === 'FINAL' && asked !== 'COMPLETE' && !isOwned(live) && earlier?.state === 'INCOMPLETE') {
    failAttempt(plan, stage, live, earlier.failure, now, true);
  } else if (leaves || asked === 'COMPLETE') {
    completeAttempt(plan, stage, live, now);
  }
  if (state === 'FINAL') stage.state = 'FINAL';
}
