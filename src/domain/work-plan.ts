import type { CheckState } from './check.ts';
import type { Outcome } from './outcome.ts';
import type { StageState } from './stage.ts';

export const workPlanStates = ['ACTIVE', 'COMPLETE', 'CANCELLED'] as const;
export type WorkPlanState = (typeof workPlanStates)[number];

/** How many nodes of a plan are in each state and how many ended badly: kept with every change, never counted by a scan. */
export type NodeCounts = {
  readonly checks: Readonly<Record<CheckState, number>>;
  readonly stages: Readonly<Record<StageState, number>>;
  readonly failed: number;
  readonly cancelled: number;
};

/** The container of one workflow. Times are milliseconds since the epoch. */
export type WorkPlan = {
  readonly id: string;
  readonly state: WorkPlanState;
  /** Unset while ACTIVE. */
  readonly outcome: Outcome | undefined;
  /** The plan's revision: creation is 1, every committed change adds 1. */
  readonly version: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly counts: NodeCounts;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly cancelledAt: number | undefined;
  readonly cancelReason: string;
};
