import { ExecutionMode, NodeType, NodeView } from '../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../gen/turboci/v1/service_pb.js';
import type { BenchClient } from './bench-client.ts';
import { ServingProcess } from './processes.ts';

const { createWorkPlan, getWorkPlan, registerStageRunner, watchWorkPlan, writeNodes } = TurboCIOrchestrator.method;
const RUNNER_TYPE = 'bench';

/** Starts a runner without a limit in a process of its own, and registers it for the stages of `remoteStages`. */
export async function startRunner(client: BenchClient): Promise<ServingProcess> {
  const runner = await ServingProcess.runner();
  const supportedModes = [ExecutionMode.SYNC];
  await client.call(registerStageRunner, {
    runnerId: 'bench',
    runnerType: RUNNER_TYPE,
    address: runner.address,
    supportedModes,
  });
  return runner;
}

/** Stages for the runner: side by side, or each waiting for the one before. */
export function remoteStages(count: number, order: 'FAN_OUT' | 'CHAIN') {
  return Array.from({ length: count }, (_, at) => ({
    id: `stage-${at}`,
    runnerType: RUNNER_TYPE,
    executionMode: ExecutionMode.SYNC,
    dependencies: {
      dependencies: order === 'CHAIN' && at > 0 ? [{ targetType: NodeType.STAGE, targetId: `stage-${at - 1}` }] : [],
    },
  }));
}

/** Runs a plan of these stages to its end; answers its id. */
export async function runPlan(client: BenchClient, stages: ReturnType<typeof remoteStages>): Promise<string> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  // Of a stage that is not there: only the end of the plan is to be heard, so that the watch costs nothing.
  const filter = { includeStages: true, stageIdFilter: ['none'] };
  const watch = client.drain(watchWorkPlan, { workPlanId, ...filter, endOnCompletion: true });
  await watch.opened;
  await client.call(writeNodes, { workPlanId, stages, responseView: NodeView.BASIC });
  await watch.ended;
  return workPlanId;
}

/** How many times the plan was changed: each time is a unit of work, and at most one commit. */
export async function revisionsOf(client: BenchClient, id: string): Promise<number> {
  const { workPlan } = await client.call(getWorkPlan, { id });
  return Number(workPlan?.version);
}
