import { toJson } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import { StageSchema } from '../../../gen/turboci/v1/stage_pb.js';
import { WorkPlanSchema } from '../../../gen/turboci/v1/workplan_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { addServerOptions, withClient } from '../connection.ts';

type CancelOptions = ServerOptions & { readonly reason: string };

export function addCancelCommand(program: Command, cli: Cli): void {
  const command = program
    .command('cancel')
    .argument('<plan-id>', 'the plan')
    .argument('[stage]', 'only this stage of it')
    .summary('cancel a plan, or one of its stages')
    .description('Cancels a plan, or one of its stages: what waits ends at once, what runs is told to stop.')
    .option('--reason <text>', 'kept with the plan and its events', 'cancelled with turboci cancel');
  addServerOptions(command).action((planId: string, stageId: string | undefined, options: CancelOptions) =>
    stageId === undefined ? cancelPlan(cli, planId, options) : cancelStage(cli, planId, stageId, options),
  );
}

async function cancelPlan(cli: Cli, id: string, options: CancelOptions): Promise<void> {
  const { reason, json } = options;
  const { workPlan } = await withClient(cli, options, (client) =>
    client.call(TurboCIOrchestrator.method.cancelWorkPlan, { id, reason }),
  );
  if (json) cli.out.json(workPlan === undefined ? {} : { workPlan: toJson(WorkPlanSchema, workPlan) });
  else
    cli.out.line(workPlan?.cancelledAt === undefined ? `plan ${id} was complete already` : `plan ${id} is cancelled`);
}

async function cancelStage(cli: Cli, workPlanId: string, stageId: string, options: CancelOptions): Promise<void> {
  const { reason, json } = options;
  const { stage } = await withClient(cli, options, (client) =>
    client.call(TurboCIExecutor.method.cancelStage, { workPlanId, stageId, reason }),
  );
  if (json) cli.out.json(stage === undefined ? {} : { stage: toJson(StageSchema, stage) });
  else
    cli.out.line(
      stage?.cancelledAt === undefined ? `stage ${stageId} had ended already` : `stage ${stageId} is cancelled`,
    );
}
