import { Outcome as OutcomePb } from '../../../gen/turboci/v1/common_pb.js';
import type {
  CancelWorkPlanRequest as CancelPb,
  CancelWorkPlanResponse as CancelResponsePb,
  CreateWorkPlanRequest as CreatePb,
  CreateWorkPlanResponse as CreateResponsePb,
  GetWorkPlanRequest as GetPb,
  GetWorkPlanResponse as GetResponsePb,
  ListWorkPlansRequest as ListPb,
  ListWorkPlansResponse as ListResponsePb,
  NodeCounts as NodeCountsPb,
  WorkPlan as WorkPlanPb,
} from '../../../gen/turboci/v1/workplan_pb.js';
import type { NodeCounts, WorkPlan } from '../../domain/work-plan.ts';
import { checkState, outcome, stageState, workPlanState } from './enums.ts';
import { toOptionalTimestamp, toTimestamp } from './time.ts';

export function encodeWorkPlan(plan: WorkPlan): WorkPlanPb {
  return {
    $typeName: 'turboci.v1.WorkPlan',
    id: plan.id,
    createdAt: toTimestamp(plan.createdAt),
    updatedAt: toTimestamp(plan.updatedAt),
    version: BigInt(plan.version),
    metadata: plan.metadata,
    state: workPlanState.value[plan.state],
    outcome: plan.outcome === undefined ? OutcomePb.UNKNOWN : outcome.value[plan.outcome],
    cancelledAt: toOptionalTimestamp(plan.cancelledAt),
    cancelReason: plan.cancelReason,
    nodeCounts: encodeCounts(plan.counts),
  };
}

function encodeCounts({ checks, stages }: NodeCounts): NodeCountsPb {
  return {
    $typeName: 'turboci.v1.NodeCounts',
    checksByState: {
      [checkState.value.PLANNING]: checks.PLANNING,
      [checkState.value.PLANNED]: checks.PLANNED,
      [checkState.value.WAITING]: checks.WAITING,
      [checkState.value.FINAL]: checks.FINAL,
    },
    stagesByState: {
      [stageState.value.PLANNED]: stages.PLANNED,
      [stageState.value.ATTEMPTING]: stages.ATTEMPTING,
      [stageState.value.AWAITING_GROUP]: stages.AWAITING_GROUP,
      [stageState.value.FINAL]: stages.FINAL,
    },
  };
}

export function encodeWorkPlans(page: {
  readonly workPlans: readonly WorkPlan[];
  readonly nextPageToken: string;
}): ListResponsePb {
  return {
    $typeName: 'turboci.v1.ListWorkPlansResponse',
    workPlans: page.workPlans.map(encodeWorkPlan),
    nextPageToken: page.nextPageToken,
  };
}

export function decodeCreate({ metadata, requestId }: CreatePb) {
  return { metadata, requestId };
}

export function decodeGet({ id }: GetPb) {
  return { id };
}

export function decodeList({ pageSize, pageToken, states, metadata }: ListPb) {
  return { pageSize, pageToken, states: states.map((state) => workPlanState.read(state) ?? state), metadata };
}

export function decodeCancel({ id, reason }: CancelPb) {
  return { id, reason };
}

export function encodeCreate(plan: WorkPlan): CreateResponsePb {
  return { $typeName: 'turboci.v1.CreateWorkPlanResponse', workPlan: encodeWorkPlan(plan) };
}

export function encodeGet(plan: WorkPlan): GetResponsePb {
  return { $typeName: 'turboci.v1.GetWorkPlanResponse', workPlan: encodeWorkPlan(plan) };
}

export function encodeCancel(plan: WorkPlan): CancelResponsePb {
  return { $typeName: 'turboci.v1.CancelWorkPlanResponse', workPlan: encodeWorkPlan(plan) };
}
