import type { WorkPlan, WorkPlanState } from '../domain/work-plan.ts';

export type WorkPlanFilter = {
  /** Empty = any state. */
  readonly states: readonly WorkPlanState[];
  /** All pairs must match; empty = any metadata. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** Where a page of plans ended: the next page holds plans created before it. */
export type WorkPlanCursor = { readonly createdAt: number; readonly id: string };

export interface WorkPlanReader {
  get(id: string): Promise<WorkPlan | undefined>;
  /** At most `limit` plans, newest first (by creation time, then id, both descending), after `after`. */
  list(filter: WorkPlanFilter, after: WorkPlanCursor | undefined, limit: number): Promise<readonly WorkPlan[]>;
}

export interface WorkPlanRepository extends WorkPlanReader {
  insert(plan: WorkPlan): Promise<void>;
  /** Stores state, outcome, version, counts and times; the metadata never changes. `before` is what is stored. */
  update(plan: WorkPlan, before: WorkPlan): Promise<void>;
}
