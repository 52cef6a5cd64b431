import type { PlanHistoryEvent } from '../domain/event.ts';
import type { RunnerView } from '../domain/runner.ts';
import type { StageView } from '../domain/stage.ts';
import type { WorkPlan } from '../domain/work-plan.ts';
import type { RunnerTask } from './execution/runner-calls.ts';
import type {
  AcquireExecutionsRequest,
  CancelStageRequest,
  CancelWorkPlanRequest,
  CompleteExecutionRequest,
  CreateWorkPlanRequest,
  GetWorkPlanRequest,
  ListRunnersRequest,
  ListWorkPlansRequest,
  ListWorkPlansResponse,
  QueryNodesRequest,
  QueryNodesResponse,
  RegisterRunnerRequest,
  RegisterRunnerResponse,
  RunStageRequest,
  UnregisterRunnerRequest,
  UpdateExecutionRequest,
  UpdateExecutionResponse,
  WatchWorkPlanRequest,
  WriteNodesRequest,
  WriteNodesResponse,
} from './requests.ts';

/** What the service needs to know of a call. */
export type CallContext = {
  /** Aborted when the caller is gone or its deadline has passed; the reason is the AppError to answer with. */
  readonly signal: AbortSignal;
};

/** What a watcher receives: an event of the plan's history, or the word that nothing is left to run. */
export type WatchItem =
  | { readonly type: 'EVENT'; readonly planId: string; readonly event: PlanHistoryEvent }
  | {
      readonly type: 'COMPLETED';
      readonly at: number;
      readonly revision: number;
      readonly checks: number;
      readonly stages: number;
      readonly hasFailures: boolean;
    };

/**
 * A subscription that stands. Iterate it once, asking for the next item only when the last one went out: the pace of
 * the iteration is what tells a slow consumer. It ends by itself (completion), or throws the AppError that ended it
 * (too slow, draining, caller gone).
 */
export interface WatchSubscription extends AsyncIterable<WatchItem> {
  /** Aborted, with an AppError as reason, when the consumer was cut although it is not asking for items. */
  readonly cut: AbortSignal;
}

/** The RPCs on plans and nodes, in domain terms. Every method rejects with AppError, or with a bug's error. */
export interface Orchestrator {
  createWorkPlan(ctx: CallContext, request: CreateWorkPlanRequest): Promise<WorkPlan>;
  getWorkPlan(ctx: CallContext, request: GetWorkPlanRequest): Promise<WorkPlan>;
  listWorkPlans(ctx: CallContext, request: ListWorkPlansRequest): Promise<ListWorkPlansResponse>;
  cancelWorkPlan(ctx: CallContext, request: CancelWorkPlanRequest): Promise<WorkPlan>;
  writeNodes(ctx: CallContext, request: WriteNodesRequest): Promise<WriteNodesResponse>;
  queryNodes(ctx: CallContext, request: QueryNodesRequest): Promise<QueryNodesResponse>;
  watchWorkPlan(ctx: CallContext, request: WatchWorkPlanRequest): Promise<WatchSubscription>;
  runStage(ctx: CallContext, request: RunStageRequest): Promise<StageView>;
  cancelStage(ctx: CallContext, request: CancelStageRequest): Promise<StageView>;
  registerRunner(ctx: CallContext, request: RegisterRunnerRequest): Promise<RegisterRunnerResponse>;
  unregisterRunner(ctx: CallContext, request: UnregisterRunnerRequest): Promise<void>;
  listRunners(ctx: CallContext, request: ListRunnersRequest): Promise<readonly RunnerView[]>;
  updateExecution(ctx: CallContext, request: UpdateExecutionRequest): Promise<UpdateExecutionResponse>;
  completeExecution(ctx: CallContext, request: CompleteExecutionRequest): Promise<void>;
  acquireExecutions(ctx: CallContext, request: AcquireExecutionsRequest): Promise<readonly RunnerTask[]>;
}

/** A part of the server that runs beside its requests. Both methods may be called more than once. */
export interface BackgroundService {
  start(): Promise<void>;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}
