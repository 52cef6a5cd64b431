import type {
  CheckOptions as CheckOptionsPb,
  RunAsyncRequest as RunAsyncPb,
  RunRequest as RunPb,
} from '../../../gen/turboci/v1/stagerunner_pb.js';
import type { RunnerTask } from '../../endpoint/runner-calls.ts';
import { toDuration, toTimestamp } from './time.ts';

/** Every field is filled, so that a runner never has to tell unset from empty. */
export function encodeRunRequest(task: RunnerTask): RunPb {
  return { $typeName: 'turboci.v1.RunRequest', ...taskFields(task) };
}

export function encodeRunAsyncRequest(task: RunnerTask, callbackAddress: string): RunAsyncPb {
  return { $typeName: 'turboci.v1.RunAsyncRequest', ...taskFields(task), callbackAddress };
}

function taskFields(task: RunnerTask) {
  return {
    executionId: task.executionId,
    workPlanId: task.planId,
    stageId: task.stageId,
    attemptIdx: task.attemptIdx,
    assignedCheckIds: [...task.assignedCheckIds],
    args: task.args,
    checkOptions: task.checkOptions.map(encodeCheckOptions),
    deadline: toTimestamp(task.deadline),
    runnerType: task.runnerType,
    metadata: task.metadata,
    heartbeatTimeout: toDuration(task.heartbeatTimeoutMs),
  };
}

function encodeCheckOptions({ checkId, kind, options }: RunnerTask['checkOptions'][number]): CheckOptionsPb {
  return { $typeName: 'turboci.v1.CheckOptions', checkId, kind, options };
}
