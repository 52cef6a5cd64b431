import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import type { RunAsyncRequest, RunRequest } from '../../gen/turboci/v1/stagerunner_pb.js';

/** A check that the stage answers for. */
export type TaskCheck = {
  readonly id: string;
  /** What kind of question it is, in the words of the plan's author. */
  readonly kind: string;
  /** What exactly is asked. */
  readonly options: JsonObject;
};

/** One attempt of a stage, to be executed. */
export type Task = {
  /** Names this execution, and nothing else ever; also the attempt's process_uid. */
  readonly executionId: string;
  readonly planId: string;
  readonly stageId: string;
  /** From 1. */
  readonly attemptIdx: number;
  readonly runnerType: string;
  /** What the stage is told to do. */
  readonly args: JsonObject;
  /** The checks that the stage answers for. */
  readonly checks: readonly TaskCheck[];
  /** When the attempt runs into its timeout, by the server's clock. */
  readonly deadline: Date | undefined;
  /** The plan's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long the runner may be silent; 0 = as long as it likes. The kit speaks up often enough by itself. */
  readonly heartbeatTimeoutMs: number;
};

/** The task that a request of either kind carries. `onlyType` is meant when an old server names no runner type. */
export function taskOf(request: RunRequest | RunAsyncRequest, onlyType: string): Task {
  const asked = new Map(request.checkOptions.map((check) => [check.checkId, check]));
  return {
    executionId: request.executionId,
    planId: request.workPlanId,
    stageId: request.stageId,
    attemptIdx: request.attemptIdx,
    runnerType: request.runnerType === '' ? onlyType : request.runnerType,
    args: request.args ?? {},
    checks: request.assignedCheckIds.map((id) => ({
      id,
      kind: asked.get(id)?.kind ?? '',
      options: asked.get(id)?.options ?? {},
    })),
    deadline: request.deadline && timestampDate(request.deadline),
    metadata: request.metadata,
    heartbeatTimeoutMs: request.heartbeatTimeout === undefined ? 0 : durationMs(request.heartbeatTimeout),
  };
}
