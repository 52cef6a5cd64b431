import type { Assignment } from './assignment.ts';
import type { AttemptView } from './attempt.ts';
import type { GroupView } from './dependency/group.ts';
import type { JsonObject } from './json.ts';
import type { Outcome } from './outcome.ts';
import type { ExecutionPolicy } from './policy.ts';

export const stageStates = ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL'] as const;
export type StageState = (typeof stageStates)[number];

export const executionModes = ['SYNC', 'ASYNC'] as const;
export type ExecutionMode = (typeof executionModes)[number];

export const concludedReasons = [
  'ATTEMPT_COMPLETE',
  'NO_RETRIES_LEFT',
  'ATTEMPT_BLOCKED_RETRY',
  'STAGE_TIMEOUT',
  'CANCELLED',
  'DEPENDENCIES_UNSATISFIED',
  'SKIPPED_BY_WRITER',
] as const;
export type ConcludedReason = (typeof concludedReasons)[number];

/** A unit of work, without its JSON parts: what the state machine needs. Times are milliseconds since the epoch. */
export type Stage = {
  readonly planId: string;
  readonly id: string;
  readonly state: StageState;
  readonly executionMode: ExecutionMode;
  /** Who executes it: empty = the writer itself, `builtin/NAME` = the server process, else a registered runner type. */
  readonly runnerType: string;
  readonly policy: ExecutionPolicy;
  /** Set when FINAL. */
  readonly outcome: Outcome | undefined;
  /** Set from the moment the last attempt has ended for good. */
  readonly concludedReason: ConcludedReason | undefined;
  /** The stage whose attempt created this one; empty = none. */
  readonly parentStageId: string;
  readonly cancelledAt: number | undefined;
  readonly cancelReason: string;
  /** Its stage_timeout has passed and was acted on. */
  readonly timedOut: boolean;
  /** Index of the last attempt; 0 = none yet. */
  readonly attemptCount: number;
  /** Children that are not FINAL; bookkeeping for the default continuation group. */
  readonly openChildren: number;
  /** Whether a continuation group was written explicitly. */
  readonly hasContinuationGroup: boolean;
  readonly version: number;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
};

/** A stage as clients see it. In the BASIC view args, details and progress are left out. */
export type StageView = Stage & {
  readonly args: JsonObject | undefined;
  readonly assignments: readonly Assignment[];
  readonly dependencies: GroupView | undefined;
  readonly continuationGroup: GroupView | undefined;
  readonly attempts: readonly AttemptView[];
};

/** Whether the stage_timeout has passed at `now`. */
export function isPastTimeout({ policy, createdAt, timedOut }: Stage, now: number): boolean {
  return timedOut || (policy.stageTimeoutMs > 0 && now >= createdAt + policy.stageTimeoutMs);
}

/** Prefix of the runner types that the server process executes itself. */
export const BUILTIN_PREFIX = 'builtin/';

export function isBuiltin(runnerType: string): boolean {
  return runnerType.startsWith(BUILTIN_PREFIX);
}
