import { ExecutionMode, NodeType, NodeView } from '../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator, type WorkPlanEvent } from '../gen/turboci/v1/service_pb.js';
import type { BenchClient } from './bench-client.ts';
import { recordJournal } from './limits/record-journal.ts';
import type { Journal } from './limits/row-journal.ts';
import { RUNNER_TYPE, RunnerProcess } from './runner-process.ts';

const { createWorkPlan, watchWorkPlan, writeNodes } = TurboCIOrchestrator.method;

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

/** Runs a plan of these stages to its end. */
export async function runPlan(client: BenchClient, stages: ReturnType<typeof remoteStages>): Promise<void> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  // Of a stage that is not there: only the end of the plan is to be heard, so that the watch costs nothing.
  const filter = { includeStages: true, stageIdFilter: ['none'] };
  const watch = client.drain(watchWorkPlan, { workPlanId, ...filter, endOnCompletion: true });
  await watch.opened;
  await client.call(writeNodes, { workPlanId, stages, responseView: NodeView.BASIC });
  assertSucceeded(await watch.last);
}

/** What failed is no work that was done. */
export function assertSucceeded({ event }: WorkPlanEvent): void {
  if (event.case === 'completedEvent' && !event.value.hasFailures) return;
  throw new Error('the plan did not end as it should');
}

/** What a server writes when it does something for which it needs a runner. */
export function recordWithRunner(work: (client: BenchClient) => Promise<unknown>): Promise<Journal> {
  return recordJournal(async (client, begin) => {
    const runner = await RunnerProcess.start();
    await runner.register(client);
    begin();
    await work(client);
    await runner.stop();
  });
}
