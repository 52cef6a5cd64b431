import type {
  QueryNodesRequest as QueryPb,
  QueryNodesResponse as QueryResponsePb,
  WatchWorkPlanRequest as WatchPb,
  WriteNodesRequest as WritePb,
  WriteNodesResponse as WriteResponsePb,
} from '../../../gen/turboci/v1/service_pb.js';
import { decodeCheckWrite, encodeCheck, type ShownCheck } from './check.ts';
import { checkState, nodeView, stageState } from './enums.ts';
import { decodeStageWrite, encodeStage, type ShownStage } from './stage.ts';

type Nodes = {
  readonly checks: readonly ShownCheck[];
  readonly stages: readonly ShownStage[];
  readonly revision: number;
};

export function decodeWriteNodes(request: WritePb) {
  const { attempt } = request;
  return {
    workPlanId: request.workPlanId,
    checks: request.checks.map(decodeCheckWrite),
    stages: request.stages.map(decodeStageWrite),
    requestId: request.requestId,
    reason: request.reason,
    attempt:
      attempt === undefined
        ? undefined
        : { stageId: attempt.stageId, attemptIdx: attempt.attemptIdx, processUid: attempt.processUid },
    expectedPlanVersion: request.expectedPlanVersion === undefined ? undefined : Number(request.expectedPlanVersion),
    responseView: nodeView.read(request.responseView),
  };
}

export function encodeWriteNodes(written: Nodes): WriteResponsePb {
  return {
    $typeName: 'turboci.v1.WriteNodesResponse',
    checks: written.checks.map(encodeCheck),
    stages: written.stages.map(encodeStage),
    revision: BigInt(written.revision),
  };
}

export function decodeQueryNodes(request: QueryPb) {
  return {
    workPlanId: request.workPlanId,
    checkIds: request.checkIds,
    stageIds: request.stageIds,
    checkStates: request.checkStates.map((state) => checkState.read(state) ?? state),
    stageStates: request.stageStates.map((state) => stageState.read(state) ?? state),
    includeChecks: request.includeChecks,
    includeStages: request.includeStages,
    pageSize: request.pageSize,
    pageToken: request.pageToken,
    view: nodeView.read(request.view),
  };
}

export function encodeQueryNodes(found: Nodes & { readonly nextPageToken: string }): QueryResponsePb {
  return {
    $typeName: 'turboci.v1.QueryNodesResponse',
    checks: found.checks.map(encodeCheck),
    stages: found.stages.map(encodeStage),
    nextPageToken: found.nextPageToken,
    revision: BigInt(found.revision),
  };
}

export function decodeWatchWorkPlan(request: WatchPb) {
  return {
    workPlanId: request.workPlanId,
    includeChecks: request.includeChecks,
    includeStages: request.includeStages,
    checkStateFilter: request.checkStateFilter.map((state) => checkState.read(state) ?? state),
    stageStateFilter: request.stageStateFilter.map((state) => stageState.read(state) ?? state),
    checkIdFilter: request.checkIdFilter,
    stageIdFilter: request.stageIdFilter,
    sinceRevision: request.sinceRevision === undefined ? undefined : Number(request.sinceRevision),
    endOnCompletion: request.endOnCompletion,
    view: nodeView.read(request.view),
  };
}
