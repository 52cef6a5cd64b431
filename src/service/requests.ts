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
  readonly occurredAt?: number | undefined;
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

/** A runner that offers to execute attempts of a type, or renews its offer. */
export type RegisterRunnerRequest = {
  readonly runnerId: string;
  readonly runnerType: string;
  /** Empty = it only pulls. */
  readonly address: string;
  /** At least one, each once. */
  readonly supportedModes: readonly ExecutionMode[];
  /** 0 = unlimited. */
  readonly maxConcurrent: number;
  readonly ttlMs: number;
  readonly metadata: Readonly<Record<string, string>>;
};
export type RegisterRunnerResponse = { readonly registrationId: string; readonly expiresAt: number };
export type UnregisterRunnerRequest = { readonly registrationId: string };
/** An empty type = all. */
export type ListRunnersRequest = { readonly runnerType: string };

/** A sign of life from an execution, with what it has to say. */
export type UpdateExecutionRequest = {
  readonly executionId: string;
  /** Empty = no entry. */
  readonly message: string;
  /** 0 = not given. */
  readonly progressPercent: number;
  readonly details: JsonObject | undefined;
};
export type UpdateExecutionResponse = {
  readonly cancelRequested: boolean;
  /** When the next sign of life is due; undefined = never. */
  readonly heartbeatBy: number | undefined;
};

/** What an attempt found out about one check. Without a state the check is not moved. */
export type CheckUpdate = {
  readonly checkId: string;
  readonly state: CheckState | undefined;
  readonly data: JsonObject | undefined;
  readonly finalize: boolean;
  readonly failure: FailureWrite | undefined;
};

/** How an attempt ended, in its runner's words. A failure with stageState FINAL is a verdict: no further attempt. */
export type RunnerAnswer = {
  readonly stageState: 'FINAL' | 'AWAITING_GROUP' | undefined;
  /** Each check at most once. */
  readonly checkUpdates: readonly CheckUpdate[];
  readonly failure: FailureWrite | undefined;
  readonly details: JsonObject | undefined;
};
export type CompleteExecutionRequest = RunnerAnswer & { readonly executionId: string };

export type AcquireExecutionsRequest = {
  readonly runnerId: string;
  /** Empty = all types that the runner is registered for. */
  readonly runnerTypes: readonly string[];
  /** At least 1. */
  readonly maxExecutions: number;
  /** 0 = no wait. */
  readonly waitMs: number;
  /** Executions that the runner knows it has. */
  readonly heldExecutionIds: readonly string[];
};
