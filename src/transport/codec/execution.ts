import type {
  AcquireStageExecutionsRequest as AcquirePb,
  AcquireStageExecutionsResponse as AcquireResponsePb,
  CompleteStageExecutionRequest as CompletePb,
  CompleteStageExecutionResponse as CompleteResponsePb,
  UpdateStageExecutionRequest as UpdatePb,
  UpdateStageExecutionResponse as UpdateResponsePb,
} from '../../../gen/turboci/v1/service_pb.js';
import type { RunResponse as AnswerPb, CheckUpdate as CheckUpdatePb } from '../../../gen/turboci/v1/stagerunner_pb.js';
import type { RunnerTask } from '../../endpoint/runner-calls.ts';
import { checkState, stageState } from './enums.ts';
import { decodeFailure } from './failure.ts';
import { encodeRunRequest } from './runner-task.ts';
import { fromDuration, toOptionalTimestamp } from './time.ts';

export function decodeUpdate({ executionId, message, progressPercent, details }: UpdatePb) {
  return { executionId, message, progressPercent, details };
}

export function encodeUpdate(updated: {
  readonly cancelRequested: boolean;
  readonly heartbeatBy: number | undefined;
}): UpdateResponsePb {
  return {
    $typeName: 'turboci.v1.UpdateStageExecutionResponse',
    cancelRequested: updated.cancelRequested,
    heartbeatBy: toOptionalTimestamp(updated.heartbeatBy),
  };
}

export function decodeComplete(request: CompletePb) {
  return { executionId: request.executionId, ...decodeAnswer(request) };
}

export function encodeComplete(): CompleteResponsePb {
  return { $typeName: 'turboci.v1.CompleteStageExecutionResponse', acknowledged: true };
}

/** The plain form of how an execution ended, whichever way the runner says it. */
export function decodeAnswer(
  answer: Pick<AnswerPb | CompletePb, 'stageState' | 'checkUpdates' | 'failure' | 'details'>,
) {
  return {
    stageState: stageState.read(answer.stageState),
    checkUpdates: answer.checkUpdates.map(decodeCheckUpdate),
    failure: decodeFailure(answer.failure),
    details: answer.details,
  };
}

function decodeCheckUpdate({ checkId, state, resultData, finalize, failure }: CheckUpdatePb) {
  return { checkId, state: checkState.read(state), resultData, finalize, failure: decodeFailure(failure) };
}

export function decodeAcquire(request: AcquirePb) {
  return {
    runnerId: request.runnerId,
    runnerTypes: request.runnerTypes,
    maxExecutions: request.maxExecutions,
    waitMs: request.wait === undefined ? undefined : fromDuration(request.wait),
    heldExecutionIds: request.heldExecutionIds,
  };
}

export function encodeAcquire(tasks: readonly RunnerTask[]): AcquireResponsePb {
  return { $typeName: 'turboci.v1.AcquireStageExecutionsResponse', executions: tasks.map(encodeRunRequest) };
}
