import {
  CheckState as CheckStatePb,
  StageState as StageStatePb,
  WorkPlanState as WorkPlanStatePb,
} from '../../../gen/turboci/v1/common_pb.js';
import type {
  CheckEvent as CheckEventPb,
  WorkPlanCompletedEvent as CompletedEventPb,
  StageEvent as StageEventPb,
  WorkPlanEvent as WorkPlanEventPb,
  WorkPlanStateEvent as WorkPlanStateEventPb,
} from '../../../gen/turboci/v1/service_pb.js';
import type { CheckEvent, PlanEvent, PlanHistoryEvent, StageEvent } from '../../domain/event.ts';
import { encodeAttempt } from './attempt.ts';
import { encodeCheck } from './check.ts';
import { checkState, stageState, workPlanState } from './enums.ts';
import { encodeStage } from './stage.ts';
import { toTimestamp } from './time.ts';
import { encodeWorkPlan } from './work-plan.ts';

/** The end of all work in a plan, as a watcher is told of it. */
export type Completion = {
  readonly at: number;
  readonly revision: number;
  readonly checks: number;
  readonly stages: number;
  readonly hasFailures: boolean;
};

export function encodeEvent(planId: string, event: PlanHistoryEvent): WorkPlanEventPb {
  return {
    $typeName: 'turboci.v1.WorkPlanEvent',
    timestamp: toTimestamp(event.at),
    event: encodeChange(planId, event),
    revision: BigInt(event.revision),
    actor: event.actor,
    reason: event.reason,
  };
}

function encodeChange(planId: string, event: PlanHistoryEvent): WorkPlanEventPb['event'] {
  switch (event.type) {
    case 'CHECK':
      return { case: 'checkEvent', value: encodeCheckEvent(planId, event) };
    case 'STAGE':
      return { case: 'stageEvent', value: encodeStageEvent(planId, event) };
    case 'PLAN':
      return { case: 'workPlanEvent', value: encodePlanEvent(planId, event) };
  }
}

export function encodeCompletion(completion: Completion): WorkPlanEventPb {
  const value: CompletedEventPb = {
    $typeName: 'turboci.v1.WorkPlanCompletedEvent',
    checksCompleted: completion.checks,
    stagesCompleted: completion.stages,
    hasFailures: completion.hasFailures,
  };
  return {
    $typeName: 'turboci.v1.WorkPlanEvent',
    timestamp: toTimestamp(completion.at),
    event: { case: 'completedEvent', value },
    revision: BigInt(completion.revision),
    actor: 'server',
    reason: '',
  };
}

function encodeCheckEvent(planId: string, event: CheckEvent): CheckEventPb {
  const { change } = event;
  return {
    $typeName: 'turboci.v1.CheckEvent',
    checkId: event.nodeId,
    oldState: event.oldState === undefined ? CheckStatePb.UNKNOWN : checkState.value[event.oldState],
    newState: checkState.value[event.newState],
    check: encodeCheck({
      planId,
      id: event.nodeId,
      state: event.newState,
      kind: change.kind,
      outcome: change.outcome,
      version: change.version,
      revision: event.revision,
      createdAt: change.createdAt,
      updatedAt: event.at,
      options: change.options,
      dependencies: change.dependencies,
      results: change.results ?? [],
    }),
  };
}

function encodeStageEvent(planId: string, event: StageEvent): StageEventPb {
  const { change } = event;
  const last = change.attempts?.at(-1);
  return {
    $typeName: 'turboci.v1.StageEvent',
    stageId: event.nodeId,
    oldState: event.oldState === undefined ? StageStatePb.UNKNOWN : stageState.value[event.oldState],
    newState: stageState.value[event.newState],
    attempt: last === undefined ? undefined : encodeAttempt(last),
    stage: encodeStage({
      planId,
      id: event.nodeId,
      state: event.newState,
      executionMode: change.executionMode,
      runnerType: change.runnerType,
      policy: change.policy,
      outcome: change.outcome,
      concludedReason: change.concludedReason,
      parentStageId: change.parentStageId,
      cancelledAt: change.cancelledAt,
      version: change.version,
      revision: event.revision,
      createdAt: change.createdAt,
      updatedAt: event.at,
      args: change.args,
      assignments: change.assignments ?? [],
      dependencies: change.dependencies,
      continuationGroup: change.continuationGroup,
      attempts: change.attempts ?? [],
    }),
  };
}

function encodePlanEvent(planId: string, event: PlanEvent): WorkPlanStateEventPb {
  const { change } = event;
  return {
    $typeName: 'turboci.v1.WorkPlanStateEvent',
    oldState: event.oldState === undefined ? WorkPlanStatePb.UNKNOWN : workPlanState.value[event.oldState],
    newState: workPlanState.value[event.newState],
    workPlan: encodeWorkPlan({
      id: planId,
      state: event.newState,
      outcome: change.outcome,
      version: event.revision,
      metadata: change.metadata ?? {},
      counts: change.counts,
      createdAt: change.createdAt,
      updatedAt: event.at,
      cancelledAt: change.cancelledAt,
      cancelReason: change.cancelReason,
    }),
  };
}
