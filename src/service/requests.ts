import type { Assignment } from '../domain/assignment.ts';
import type { AttemptState } from '../domain/attempt.ts';
import type { CheckState, CheckView } from '../domain/check.ts';
import type { DependencyGroup } from '../domain/dependency/group.ts';
import type { JsonObject } from '../domain/json.ts';
import type { NodeView } from '../domain/node.ts';
import type { PolicyWrite } from '../domain/policy.ts';
import type { ExecutionMode, StageState, StageView } from '../domain/stage.ts';
import type { WorkPlan, WorkPlanState } from '../domain/work-plan.ts';

/*
 * The plain requests and responses of the service, as the endpoint layer hands them over: validated in themselves (ids,
 * enums, ranges, sizes), not yet against what is stored. Unset optional scalars are undefined; unset strings are empty.
 */

export type CreateWorkPlanRequest = { readonly metadata: Readonly<Record<string, string>>; readonly requestId: string };
export type GetWorkPlanRequest = { readonly id: string };
export type CancelWorkPlanRequest = { readonly id: string; readonly reason: string };

export type ListWorkPlansRequest = {
  /** 0 = the server's choice. */
  readonly pageSize: number;
  readonly pageToken: string;
  readonly states: readonly WorkPlanState[];
  readonly metadata: Readonly<Record<string, string>>;
};
export type ListWorkPlansResponse = { readonly workPlans: readonly WorkPlan[]; readonly nextPageToken: string };

/** A failure as written: an unset time means now. */
export type FailureWrite = {
  readonly message: string;
  readonly reason: string;
  readonly occurredAt: number | undefined;
};

export type CheckResultWrite = {
  readonly ownerType: string;
  readonly ownerId: string;
  readonly data: JsonObject | undefined;
  readonly finalize: boolean;
  readonly failure: FailureWrite | undefined;
};

export type CheckWrite = {
  readonly id: string;
  readonly state: CheckState | undefined;
  readonly kind: string;
  readonly options: JsonObject | undefined;
  readonly dependencies: DependencyGroup | undefined;
  readonly result: CheckResultWrite | undefined;
  readonly expectedVersion: number | undefined;
};

export type ProgressWrite = {
  readonly message: string;
  readonly timestamp: number | undefined;
  readonly details: JsonObject | undefined;
  readonly percent: number | undefined;
  readonly idempotencyKey: string;
};

export type AttemptWrite = {
  readonly state: AttemptState | undefined;
  readonly processUid: string;
  readonly details: JsonObject | undefined;
  readonly progress: ProgressWrite | undefined;
  readonly failure: FailureWrite | undefined;
  readonly blockNewAttempts: boolean;
  readonly attemptIdx: number | undefined;
};

export type StageWrite = {
  readonly id: string;
  readonly state: StageState | undefined;
  readonly args: JsonObject | undefined;
  readonly assignments: readonly Assignment[];
  readonly dependencies: DependencyGroup | undefined;
  readonly currentAttempt: AttemptWrite | undefined;
  readonly executionMode: ExecutionMode | undefined;
  readonly runnerType: string;
  readonly expectedVersion: number | undefined;
  readonly executionPolicy: PolicyWrite | undefined;
  readonly continuationGroup: DependencyGroup | undefined;
  readonly cancel: boolean;
  readonly failure: FailureWrite | undefined;
};

/** The attempt in whose name a write comes: stages that it creates are children of that attempt's stage. */
export type AttemptRef = { readonly stageId: string; readonly attemptIdx: number; readonly processUid: string };

export type WriteNodesRequest = {
  readonly workPlanId: string;
  readonly checks: readonly CheckWrite[];
  readonly stages: readonly StageWrite[];
  readonly requestId: string;
  readonly reason: string;
  readonly attempt: AttemptRef | undefined;
  readonly expectedPlanVersion: number | undefined;
  readonly responseView: NodeView;
};
export type WriteNodesResponse = {
  /** In the order of the request, as they stand after the write and all its advances. */
  readonly checks: readonly CheckView[];
  readonly stages: readonly StageView[];
  readonly revision: number;
};

export type QueryNodesRequest = {
  readonly workPlanId: string;
  readonly checkIds: readonly string[];
  readonly stageIds: readonly string[];
  readonly checkStates: readonly CheckState[];
  readonly stageStates: readonly StageState[];
  readonly includeChecks: boolean;
  readonly includeStages: boolean;
  /** 0 = all. */
  readonly pageSize: number;
  readonly pageToken: string;
  readonly view: NodeView;
};
export type QueryNodesResponse = {
  readonly checks: readonly CheckView[];
  readonly stages: readonly StageView[];
  readonly nextPageToken: string;
  readonly revision: number;
};

export type WatchWorkPlanRequest = {
  readonly workPlanId: string;
  readonly includeChecks: boolean;
  readonly includeStages: boolean;
  readonly checkStateFilter: readonly CheckState[];
  readonly stageStateFilter: readonly StageState[];
  readonly checkIdFilter: readonly string[];
  readonly stageIdFilter: readonly string[];
  readonly sinceRevision: number | undefined;
  readonly endOnCompletion: boolean;
  readonly view: NodeView;
};

export type RunStageRequest = { readonly workPlanId: string; readonly stageId: string; readonly wait: boolean };
export type CancelStageRequest = { readonly workPlanId: string; readonly stageId: string; readonly reason: string };
