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

/** In parts. */
export function* encodeWriteNodes(written: Nodes): Iterable<WriteResponsePb> {
  for (const { checks, stages, isFirst } of partsOf(written)) {
    const revision = isFirst ? BigInt(written.revision) : 0n;
    yield { $typeName: 'turboci.v1.WriteNodesResponse', checks, stages, revision };
  }
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

/** In parts. */
export function* encodeQueryNodes(found: Nodes & { readonly nextPageToken: string }): Iterable<QueryResponsePb> {
  for (const { checks, stages, isFirst } of partsOf(found)) {
    const revision = isFirst ? BigInt(found.revision) : 0n;
    const nextPageToken = isFirst ? found.nextPageToken : '';
    yield { $typeName: 'turboci.v1.QueryNodesResponse', checks, stages, nextPageToken, revision };
  }
}

/** Nodes whose messages are made and encoded in one turn of the event loop: some milliseconds. */
const PART_NODES = 1000;

/** The messages of nodes, so many at a time. What an answer says beside its nodes goes with the first part, which is always there. */
function* partsOf({ checks, stages }: Nodes) {
  const count = checks.length + stages.length;
  for (let at = 0; at === 0 || at < count; at += PART_NODES) {
    const end = at + PART_NODES;
    yield {
      isFirst: at === 0,
      checks: checks.slice(at, end).map(encodeCheck),
      stages: stages.slice(Math.max(0, at - checks.length), Math.max(0, end - checks.length)).map(encodeStage),
    };
  }
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
