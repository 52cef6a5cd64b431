import type { Assignment } from './assignment.ts';
import type { AttemptState, AttemptView } from './attempt.ts';
import type { CheckResult, CheckState } from './check.ts';
import type { GroupView } from './dependency/group.ts';
import type { JsonObject } from './json.ts';
import type { Outcome } from './outcome.ts';
import type { ExecutionPolicy } from './policy.ts';
import type { ConcludedReason, ExecutionMode, StageState } from './stage.ts';
import type { NodeCounts, WorkPlanState } from './work-plan.ts';

/** What all events of a plan's history carry. Events are ordered by (revision, seq) and never edited. */
type EventHead = {
  readonly revision: number;
  /** Position within the revision, from 1. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Who caused the change: `writer`, `attempt:STAGE:IDX` (a write in an attempt's name), or `server`. */
  readonly actor: string;
  readonly reason: string;
};

/** One check changed in one revision; `oldState` is undefined for a new check. */
export type CheckEvent = EventHead & {
  readonly type: 'CHECK';
  readonly nodeId: string;
  readonly oldState: CheckState | undefined;
  readonly newState: CheckState;
  readonly change: CheckChange;
};

/** One stage, or its attempts, changed in one revision; `oldState` is undefined for a new stage. */
export type StageEvent = EventHead & {
  readonly type: 'STAGE';
  readonly nodeId: string;
  readonly oldState: StageState | undefined;
  readonly newState: StageState;
  readonly change: StageChange;
};

/** The plan itself changed its state, or all work in it came to an end. */
export type PlanEvent = EventHead & {
  readonly type: 'PLAN';
  readonly nodeId: '';
  readonly oldState: WorkPlanState | undefined;
  readonly newState: WorkPlanState;
  readonly change: PlanChange;
};

export type PlanHistoryEvent = CheckEvent | StageEvent | PlanEvent;

/** A check's scalar fields as of the revision, and of the rest only what that revision changed. */
export type CheckChange = {
  readonly kind: string;
  readonly outcome: Outcome | undefined;
  readonly version: number;
  readonly createdAt: number;
  readonly options?: JsonObject;
  readonly dependencies?: GroupView;
  readonly results?: readonly CheckResult[];
};

/** A stage's scalar fields as of the revision, and of the rest only what that revision changed. */
export type StageChange = {
  readonly outcome: Outcome | undefined;
  readonly concludedReason: ConcludedReason | undefined;
  readonly version: number;
  readonly createdAt: number;
  readonly cancelledAt: number | undefined;
  readonly executionMode: ExecutionMode;
  readonly runnerType: string;
  readonly parentStageId: string;
  readonly args?: JsonObject;
  readonly assignments?: readonly Assignment[];
  readonly policy?: ExecutionPolicy;
  readonly dependencies?: GroupView;
  readonly continuationGroup?: GroupView;
  readonly attempts?: readonly AttemptChange[];
};

/**
 * An attempt as of the revision, with the details only if they changed and the progress entries that were added. Of what
 * clients are not shown it has only how the attempt was handed out, which tells those who read the history in the database.
 */
export type AttemptChange = Omit<AttemptView, 'planId' | 'stageId' | Untold> & {
  readonly oldState: AttemptState | undefined;
};

type Untold = 'answerDigest' | 'cancelBy' | 'confirmBy' | 'progressCount' | 'blockNewAttempts';

export type PlanChange = {
  readonly outcome: Outcome | undefined;
  readonly createdAt: number;
  readonly cancelledAt: number | undefined;
  readonly cancelReason: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly counts: NodeCounts;
  /** Set when with this revision nothing is left to run: what a watcher's completed_event says. */
  readonly completed?: { readonly checks: number; readonly stages: number; readonly hasFailures: boolean };
};
