/**
 * The state of the model: plain data, as a client could see it, and nothing beside it. There are no counters, no indexes
 * and no tracking: whatever is asked is worked out again from these lists. A command works on a copy (see `atomically`).
 */

export type JsonValue = null | boolean | number | string | JsonValue[] | Json;
export type Json = { [key: string]: JsonValue };

export type Outcome = 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'SKIPPED';
export type CheckState = 'PLANNING' | 'PLANNED' | 'WAITING' | 'FINAL';
export type StageState = 'PLANNED' | 'ATTEMPTING' | 'AWAITING_GROUP' | 'FINAL';
export type AttemptState = 'PENDING' | 'SCHEDULED' | 'RUNNING' | 'COMPLETE' | 'INCOMPLETE';
export type PlanState = 'ACTIVE' | 'COMPLETE' | 'CANCELLED';
export type Mode = 'SYNC' | 'ASYNC';

export type Edge = {
  readonly targetType: 'CHECK' | 'STAGE';
  readonly targetId: string;
  readonly condition: 'FINAL' | 'SUCCEEDED' | 'FAILED';
};

export type Group = {
  readonly predicate: 'AND' | 'OR' | 'THRESHOLD';
  readonly threshold: number;
  readonly dependencies: readonly Edge[];
  readonly groups: readonly Group[];
};

/** `message` is undefined where the server chooses the words. */
export type Failure = { readonly message: string | undefined; readonly reason: string };

export type Result = {
  readonly ownerType: string;
  readonly ownerId: string;
  data: Json | undefined;
  failure: Failure | undefined;
  finalized: boolean;
};

export type Check = {
  readonly id: string;
  state: CheckState;
  kind: string;
  outcome: Outcome | undefined;
  options: Json | undefined;
  dependencies: Group;
  results: Result[];
  version: number;
  revision: number;
};

export type Progress = {
  readonly message: string;
  readonly percent: number | undefined;
  readonly details: Json | undefined;
  readonly idempotencyKey: string;
};

export type Attempt = {
  readonly idx: number;
  state: AttemptState;
  processUid: string | undefined;
  failure: Failure | undefined;
  details: Json | undefined;
  progress: Progress[];
  progressPercent: number;
  blockNewAttempts: boolean;
  availableAt: number;
  deadline: number | undefined;
  heartbeatBy: number | undefined;
  /** End of the grace time of an attempt that was told to stop. */
  stopBy: number | undefined;
  handedOut: HandedOut | undefined;
  /** The answer that ended it, to know an equal one again. */
  answer: string | undefined;
};

/** How the server gave an attempt to a runner. */
export type HandedOut = {
  readonly how: 'RUN' | 'RUN_ASYNC' | 'ACQUIRE';
  readonly runnerId: string;
  /** Where the runner was registered then; empty for one that asked. */
  readonly address: string;
  /** It has reported. */
  heard: boolean;
  /** When an acquired attempt goes back into the queue; undefined = its runner was heard of. */
  confirmBy: number | undefined;
};

export type Policy = {
  readonly maxAttempts: number;
  readonly attemptTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly stageTimeoutMs: number;
  readonly backoffInitialMs: number;
  readonly backoffMultiplier: number;
  readonly backoffMaxMs: number;
};

export type ConcludedReason =
  | 'ATTEMPT_COMPLETE'
  | 'NO_RETRIES_LEFT'
  | 'ATTEMPT_BLOCKED_RETRY'
  | 'STAGE_TIMEOUT'
  | 'CANCELLED'
  | 'DEPENDENCIES_UNSATISFIED'
  | 'SKIPPED_BY_WRITER';

export type Assignment = { readonly targetCheckId: string; readonly goalState: 'PLANNED' | 'FINAL' };

export type Stage = {
  readonly id: string;
  readonly parentId: string;
  readonly args: Json | undefined;
  readonly assignments: readonly Assignment[];
  readonly dependencies: Group;
  readonly mode: Mode;
  readonly runnerType: string;
  readonly policy: Policy;
  readonly createdAt: number;
  state: StageState;
  /** Of its own attempts; shown as its outcome once it is FINAL. */
  ownOutcome: Outcome | undefined;
  concludedReason: ConcludedReason | undefined;
  /** As written; undefined = its children. */
  continuation: Group | undefined;
  cancelled: boolean;
  timedOut: boolean;
  /** Its stage_timeout had passed when it began to wait for its group. */
  waitsTooLate: boolean;
  attempts: Attempt[];
  version: number;
  revision: number;
};

export type Plan = {
  readonly id: string;
  state: PlanState;
  outcome: Outcome | undefined;
  version: number;
  /** When attempts whose calls went out become RUNNING: a moment later, all together. */
  marksAt: number | undefined;
  readonly checks: Check[];
  readonly stages: Stage[];
};

export type Runner = {
  readonly registrationId: string;
  readonly runnerId: string;
  readonly runnerType: string;
  readonly address: string;
  readonly modes: readonly Mode[];
  readonly maxConcurrent: number;
  readonly ttlMs: number;
  expiresAt: number;
  /** The time for which nothing is pushed to it. */
  suspended: { readonly since: number; readonly until: number } | undefined;
  /** Suspensions since a call was delivered. */
  suspensions: number;
};

/** A request that was answered, by its id. */
export type Remembered = {
  readonly planId: string;
  readonly requestId: string;
  readonly body: string;
  readonly at: number;
};

export type World = {
  now: number;
  /** Until then no deadline is met: the server was held, and reads first what was sent to it. */
  patientUntil: number;
  readonly plans: Plan[];
  runners: Runner[];
  requests: Remembered[];
};

export const emptyWorld = (now: number): World => ({
  now,
  patientUntil: now,
  plans: [],
  runners: [],
  requests: [],
});

export function checkOf(plan: Plan, id: string): Check | undefined {
  return plan.checks.find((check) => check.id === id);
}

export function stageOf(plan: Plan, id: string): Stage | undefined {
  return plan.stages.find((stage) => stage.id === id);
}

export function childrenOf(plan: Plan, stage: Stage): readonly Stage[] {
  return plan.stages.filter((child) => child.parentId === stage.id);
}

/** The one attempt of a stage in ATTEMPTING that has not ended: its last. */
export function liveAttempt(stage: Stage): Attempt | undefined {
  const last = stage.attempts.at(-1);
  return last !== undefined && isLive(last) ? last : undefined;
}

export function isLive(attempt: Attempt): boolean {
  return attempt.state !== 'COMPLETE' && attempt.state !== 'INCOMPLETE';
}

/** Somebody holds it, or is being given it. */
export function isOwned(attempt: Attempt): boolean {
  return isLive(attempt) && (attempt.state !== 'PENDING' || attempt.processUid !== undefined);
}

export function stageOutcome(stage: Stage): Outcome | undefined {
  return stage.state === 'FINAL' ? stage.ownOutcome : undefined;
}
