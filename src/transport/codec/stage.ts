import { ConcludedReason as ConcludedReasonPb, Outcome as OutcomePb } from '../../../gen/turboci/v1/common_pb.js';
import type {
  CancelStageRequest as CancelPb,
  CancelStageResponse as CancelResponsePb,
  RunStageRequest as RunPb,
  RunStageResponse as RunResponsePb,
} from '../../../gen/turboci/v1/service_pb.js';
import type {
  Assignment as AssignmentPb,
  Stage as StagePb,
  StageWrite as StageWritePb,
} from '../../../gen/turboci/v1/stage_pb.js';
import type { Assignment } from '../../domain/assignment.ts';
import type { ExecutionPolicy } from '../../domain/policy.ts';
import type { StageView } from '../../domain/stage.ts';
import { decodeAttemptWrite, encodeAttempt, type ShownAttempt } from './attempt.ts';
import { decodeGroup, encodeGroup } from './dependency-group.ts';
import { checkState, concludedReason, executionMode, outcome, stageState } from './enums.ts';
import { decodePolicy, encodePolicy } from './execution-policy.ts';
import { decodeFailure } from './failure.ts';
import { toOptionalTimestamp, toTimestamp } from './time.ts';

/** What of a stage goes over the wire; an event has it without the bookkeeping, and the policy only if it is new. */
export type ShownStage = Omit<
  StageView,
  'attempts' | 'policy' | 'cancelReason' | 'timedOut' | 'attemptCount' | 'openChildren' | 'hasContinuationGroup'
> & { readonly policy: ExecutionPolicy | undefined; readonly attempts: readonly ShownAttempt[] };

export function encodeStage(stage: ShownStage): StagePb {
  return {
    $typeName: 'turboci.v1.Stage',
    id: stage.id,
    workPlanId: stage.planId,
    state: stageState.value[stage.state],
    args: stage.args,
    attempts: stage.attempts.map(encodeAttempt),
    assignments: stage.assignments.map(encodeAssignment),
    dependencies: stage.dependencies === undefined ? undefined : encodeGroup(stage.dependencies),
    createdAt: toTimestamp(stage.createdAt),
    updatedAt: toTimestamp(stage.updatedAt),
    version: BigInt(stage.version),
    executionMode: executionMode.value[stage.executionMode],
    runnerType: stage.runnerType,
    outcome: stage.outcome === undefined ? OutcomePb.UNKNOWN : outcome.value[stage.outcome],
    revision: BigInt(stage.revision),
    concludedReason:
      stage.concludedReason === undefined ? ConcludedReasonPb.UNKNOWN : concludedReason.value[stage.concludedReason],
    executionPolicy: stage.policy === undefined ? undefined : encodePolicy(stage.policy),
    continuationGroup: stage.continuationGroup === undefined ? undefined : encodeGroup(stage.continuationGroup),
    parentStageId: stage.parentStageId,
    cancelledAt: toOptionalTimestamp(stage.cancelledAt),
  };
}

function encodeAssignment({ targetCheckId, goalState }: Assignment): AssignmentPb {
  return { $typeName: 'turboci.v1.Assignment', targetCheckId, goalState: checkState.value[goalState] };
}

/** The plain form of a stage in a write. */
export function decodeStageWrite(write: StageWritePb) {
  return {
    id: write.id,
    state: stageState.read(write.state),
    args: write.args,
    assignments: write.assignments.map(decodeAssignment),
    dependencies: write.dependencies === undefined ? undefined : decodeGroup(write.dependencies),
    currentAttempt: write.currentAttempt === undefined ? undefined : decodeAttemptWrite(write.currentAttempt),
    executionMode: executionMode.read(write.executionMode),
    runnerType: write.runnerType,
    expectedVersion: write.expectedVersion === undefined ? undefined : Number(write.expectedVersion),
    executionPolicy: decodePolicy(write.executionPolicy),
    continuationGroup: write.continuationGroup === undefined ? undefined : decodeGroup(write.continuationGroup),
    cancel: write.cancel,
    failure: decodeFailure(write.failure),
  };
}

function decodeAssignment({ targetCheckId, goalState }: AssignmentPb) {
  return { targetCheckId, goalState: checkState.read(goalState) ?? 'FINAL' };
}

export function decodeRunStage({ workPlanId, stageId, wait }: RunPb) {
  return { workPlanId, stageId, wait };
}

export function decodeCancelStage({ workPlanId, stageId, reason }: CancelPb) {
  return { workPlanId, stageId, reason };
}

export function encodeRunStage(stage: ShownStage): RunResponsePb {
  return { $typeName: 'turboci.v1.RunStageResponse', stage: encodeStage(stage) };
}

export function encodeCancelStage(stage: ShownStage): CancelResponsePb {
  return { $typeName: 'turboci.v1.CancelStageResponse', stage: encodeStage(stage) };
}
