import { NodeView, StageState, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { Cli } from '../cli.ts';
import type { ServerClient } from '../client.ts';
import { embeddedRun } from '../create-plan.ts';

const { method } = TurboCIOrchestrator;

/** What the ids of runners begin with that live and die with an embedded server. */
export const EMBEDDED_RUNNER = 'run-';

/**
 * Puts in order what earlier embedded runs left behind that ended without a chance to do so: what their runners executed
 * has failed, and plans are cancelled, since nobody waits for them any more, but for the one that is resumed.
 */
export async function settleLeftovers(cli: Cli, client: ServerClient, resumed: string | undefined): Promise<void> {
  const { workPlans } = await client.call(method.listWorkPlans, {
    states: [WorkPlanState.ACTIVE],
    metadata: embeddedRun,
  });
  for (const { id } of workPlans) {
    await failCutOff(client, id);
    if (id === resumed) continue;
    await client.call(method.cancelWorkPlan, { id, reason: 'left behind by an earlier run' });
    cli.err.line(`turboci: cancelled plan ${id}, which an earlier run left behind`);
  }
}

/** A server waits for what runners have in hand, since they may still report. These do not. */
async function failCutOff(client: ServerClient, workPlanId: string): Promise<void> {
  const stageStates = [StageState.ATTEMPTING];
  const request = { workPlanId, stageStates, includeStages: true, view: NodeView.BASIC };
  const { stages } = await client.call(method.queryNodes, request);
  const failure = { message: 'the run that executed it was cut off', reason: 'SERVER_RESTART' };
  for (const { executionId, runnerId } of stages.flatMap(({ attempts }) => attempts.slice(-1))) {
    if (!runnerId.startsWith(EMBEDDED_RUNNER)) continue;
    await client.call(method.completeStageExecution, { executionId, failure });
  }
}
