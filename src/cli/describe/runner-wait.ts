import { ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import type { StageRunnerInfo } from '../../../gen/turboci/v1/service_pb.js';
import type { Stage } from '../../../gen/turboci/v1/stage_pb.js';
import { oneLine } from '../output.ts';
import { countWords } from '../progress/table.ts';

/** What a stage waits for that no runner has, and why none of those that are registered takes it. */
export function runnerWaitText({ runnerType, executionMode }: Stage, runners: readonly StageRunnerInfo[]): string {
  const what = `waits for a runner of type ${oneLine(runnerType)} in mode ${modeText(executionMode)}`;
  if (runners.length === 0) return `${what}: none is registered`;
  const are = runners.length === 1 ? '1 is registered' : `${runners.length} are registered`;
  return `${what}: ${are}, ${countWords(runners.map((runner) => stateWords(runner, executionMode)))}`;
}

function stateWords(runner: StageRunnerInfo, mode: ExecutionMode): string {
  const pulls = runner.address === '';
  if (!pulls && !runner.supportedModes.some((one) => modeText(one) === modeText(mode))) return 'only in another mode';
  if (runner.suspended) return 'suspended';
  return isBusy(runner) ? 'busy' : 'free';
}

function isBusy({ maxConcurrent, currentLoad }: StageRunnerInfo): boolean {
  return maxConcurrent > 0 && currentLoad >= maxConcurrent;
}

/** An execution mode by its name; an unset one is SYNC. */
export function modeText(mode: ExecutionMode): string {
  return ExecutionMode[mode === ExecutionMode.UNKNOWN ? ExecutionMode.SYNC : mode];
}
