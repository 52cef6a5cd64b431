import { toJson } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CheckSchema } from '../../../gen/turboci/v1/check_pb.js';
import { StageSchema } from '../../../gen/turboci/v1/stage_pb.js';
import { WorkPlanSchema } from '../../../gen/turboci/v1/workplan_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { exitCode } from '../exit-code.ts';
import { printable } from '../output.ts';
import { Board } from '../progress/board.ts';
import { type EndedPlan, summaryLines } from '../progress/summary.ts';
import { tableLines } from '../progress/table.ts';
import { fetchEverything, planName } from '../queries.ts';

export function addGetCommand(program: Command, cli: Cli): void {
  const command = program
    .command('get')
    .argument('<plan-id>', 'the plan')
    .argument('[node]', 'a stage or check of it, to see everything about it')
    .summary('show a plan with its nodes, or one of its nodes')
    .description('Shows a plan with its stages and checks and what failed; or everything about one of its nodes.');
  addServerOptions(command).action((planId: string, node: string | undefined, options: ServerOptions) =>
    get(cli, planId, node, options),
  );
}

async function get(cli: Cli, planId: string, node: string | undefined, options: ServerOptions): Promise<void> {
  const everything = await withClient(cli, options, (client) => fetchEverything(client, planId));
  if (node !== undefined) {
    const found = nodesCalled(everything, node);
    if (options.json) cli.out.json(found);
    else cli.out.lines(stringify(found).trimEnd().split('\n').map(printable));
    return;
  }
  if (options.json) cli.out.json(everythingJson(everything));
  else cli.out.lines([...table(cli, everything), '', ...summary(cli, everything)]);
}

function everythingJson({ plan, checks, stages }: EndedPlan): object {
  return {
    workPlan: toJson(WorkPlanSchema, plan),
    checks: checks.map((check) => toJson(CheckSchema, check)),
    stages: stages.map((stage) => toJson(StageSchema, stage)),
  };
}

/** The stage and the check of that name, as far as there are such. */
function nodesCalled({ plan, checks, stages }: EndedPlan, id: string): object {
  const stage = stages.find((one) => one.id === id);
  const check = checks.find((one) => one.id === id);
  if (stage === undefined && check === undefined) {
    throw new CliError(`plan ${plan.id} has no stage or check "${id}"`, {
      exitCode: exitCode.notFound,
      reason: 'NODE_NOT_FOUND',
      remedy: `see what it has with \`turboci get ${plan.id}\``,
    });
  }
  return {
    ...(stage === undefined ? {} : { stage: toJson(StageSchema, stage) }),
    ...(check === undefined ? {} : { check: toJson(CheckSchema, check) }),
  };
}

function table(cli: Cli, { stages, checks }: EndedPlan): readonly string[] {
  const board = new Board();
  for (const stage of stages) board.putStage(stage, undefined, 0);
  for (const check of checks) board.putCheck(check, 0);
  const { stream, paint } = cli.out;
  const width = stream.columns ?? Number.POSITIVE_INFINITY;
  return tableLines(board, { paint, width, height: Number.POSITIVE_INFINITY, now: cli.clock.now(), frame: 0 });
}

function summary(cli: Cli, everything: EndedPlan): readonly string[] {
  return summaryLines(everything, planName(everything.plan), undefined, cli.out.paint);
}
