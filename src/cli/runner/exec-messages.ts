import { create, fromJson, toJsonString } from '@bufbuild/protobuf';
import { durationFromMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { CheckState, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { RunRequestSchema, type RunResponse, RunResponseSchema } from '../../../gen/turboci/v1/stagerunner_pb.js';
import type { Answer, Task } from '../../runner/start-runner.ts';

/** The RunRequest that a program finds on stdin, as one line of ProtoJSON in which no field is left out. */
export function requestJson(task: Task): string {
  const request = create(RunRequestSchema, {
    executionId: task.executionId,
    workPlanId: task.planId,
    stageId: task.stageId,
    attemptIdx: task.attemptIdx,
    runnerType: task.runnerType,
    args: task.args,
    assignedCheckIds: task.checks.map(({ id }) => id),
    checkOptions: task.checks.map(({ id, kind, options }) => ({ checkId: id, kind, options })),
    metadata: { ...task.metadata },
    heartbeatTimeout: durationFromMs(task.heartbeatTimeoutMs),
    ...(task.deadline === undefined ? {} : { deadline: timestampFromDate(task.deadline) }),
  });
  return `${toJsonString(RunRequestSchema, request, { alwaysEmitImplicit: true })}\n`;
}

/**
 * The answer that a program gave: a RunResponse in ProtoJSON, or nothing. Throws an Error that says what is wrong with
 * it.
 */
export function answerFrom(json: string): Answer {
  if (json === '') return {};
  return answerOf(fromJson(RunResponseSchema, JSON.parse(json)));
}

function answerOf({ stageState, checkUpdates, failure, details }: RunResponse): Answer {
  // ProtoJSON takes any number for an enum.
  if (StageState[stageState] === undefined) throw new Error(`stageState: there is no state ${stageState}`);
  const odd = checkUpdates.findIndex(({ state }) => CheckState[state] === undefined);
  if (odd !== -1) throw new Error(`checkUpdates[${odd}].state: there is no state ${checkUpdates[odd]?.state}`);
  if (stageState === StageState.PLANNED || stageState === StageState.ATTEMPTING) {
    throw new Error(`stageState: an answer cannot leave the stage ${StageState[stageState]}`);
  }
  return {
    checks: checkUpdates.map(({ checkId, state, resultData, failure }) => ({
      id: checkId,
      state,
      data: resultData,
      failure: failure && failureOf(failure),
    })),
    details,
    failure: failure && { ...failureOf(failure), retry: stageState !== StageState.FINAL },
  };
}

function failureOf({ message, reason, occurredAt }: NonNullable<RunResponse['failure']>) {
  return {
    message,
    reason: reason === '' ? undefined : reason,
    occurredAt: occurredAt && timestampDate(occurredAt),
  };
}
