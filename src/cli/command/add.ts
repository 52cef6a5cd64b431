import { toJson } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { NodeView } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator, WriteNodesResponseSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { Cli, Environment, ServerOptions } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import type { ServerClient } from '../client.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { retrying } from '../create-plan.ts';
import { exitCode } from '../exit-code.ts';
import { oneLine } from '../output.ts';
import { KnownNames } from '../plan/names.ts';
import { loadPlan } from '../plan/plan-file.ts';
import { withPlaces } from '../plan/server-places.ts';
import { fetchEverything } from '../queries.ts';

type AddOptions = ServerOptions & { readonly plan?: string };

export function addAddCommand(program: Command, cli: Cli): void {
  const command = program
    .command('add')
    .argument('<fragment.yaml>', 'stages and checks in the form of a plan file, or - for standard input')
    .summary('add stages to a plan, also from within a running stage')
    .description(
      'Adds stages and checks to a plan; `needs` and `answers` may also name what it has already. In a command that a stage ' +
        'runs, plan, server and attempt are known from the environment: the new stages become children of that stage, ' +
        'which waits for them.',
    )
    .option('--plan <plan-id>', 'the plan (default: TURBOCI_WORK_PLAN_ID)');
  addServerOptions(command).action((file: string, options: AddOptions) => add(cli, file, options));
}

async function add(cli: Cli, file: string, options: AddOptions): Promise<void> {
  const planId = options.plan ?? cli.env.TURBOCI_WORK_PLAN_ID;
  if (planId === undefined || planId === '') {
    throw new CliError('no plan to add to', {
      exitCode: exitCode.usage,
      reason: 'USAGE',
      remedy: 'name it with --plan; in a command that a stage runs TURBOCI_WORK_PLAN_ID is set',
    });
  }
  const answer = await withClient(cli, options, (client) => write(cli, client, file, planId));
  const ids = answer.stages.map(({ id }) => id);
  if (options.json) cli.out.json(toJson(WriteNodesResponseSchema, answer));
  else cli.out.line(`added to plan ${planId}: ${ids.map(oneLine).join(', ')}`);
}

async function write(cli: Cli, client: ServerClient, file: string, planId: string) {
  const existing = await fetchEverything(client, planId, NodeView.BASIC);
  const names = new KnownNames(
    existing.stages.map(({ id }) => id),
    existing.checks.map(({ id }) => id),
  );
  const plan = await loadPlan(file, names);
  const attempt = cli.env.TURBOCI_WORK_PLAN_ID === planId ? attemptOf(cli.env) : undefined;
  const request = {
    workPlanId: planId,
    checks: [...plan.nodes.checks],
    stages: [...plan.nodes.stages],
    requestId: cli.newRequestId(),
    reason: 'turboci add',
    responseView: NodeView.BASIC,
    ...(attempt === undefined ? {} : { attempt }),
  };
  try {
    return await retrying(() => client.call(TurboCIOrchestrator.method.writeNodes, request));
  } catch (error) {
    throw withPlaces(error, plan);
  }
}

/** The attempt in whose command this runs, as the server has told it. */
function attemptOf(env: Environment) {
  const { TURBOCI_STAGE_ID: stageId, TURBOCI_ATTEMPT_IDX: idx, TURBOCI_EXECUTION_ID: processUid } = env;
  if (stageId === undefined || idx === undefined || processUid === undefined) return undefined;
  return { stageId, attemptIdx: Number(idx), processUid };
}
