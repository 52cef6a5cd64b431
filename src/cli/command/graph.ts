import { type Command, Option } from 'commander';
import { NodeView, StageState } from '../../../gen/turboci/v1/common_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { exitCode } from '../exit-code.ts';
import { dot } from '../graph/dot.ts';
import { mermaid } from '../graph/mermaid.ts';
import { type GraphSource, planGraph } from '../graph/plan-graph.ts';
import { loadPlan } from '../plan/plan-file.ts';
import { fetchEverything } from '../queries.ts';

type GraphOptions = ServerOptions & {
  readonly file?: string;
  readonly format: 'mermaid' | 'dot';
  readonly checks?: true;
};

export function addGraphCommand(program: Command, cli: Cli): void {
  const command = program
    .command('graph')
    .argument('[plan-id]', 'a plan on a server')
    .summary('draw a plan as Mermaid or DOT')
    .description(
      'Draws a plan, one on a server with the states of its nodes, or one in a file: as a Mermaid flowchart or for Graphviz.',
    )
    .option('--file <plan.yaml>', 'a plan file instead, or - for standard input')
    .addOption(
      new Option('--format <format>', 'language of the drawing').choices(['mermaid', 'dot']).default('mermaid'),
    )
    .option('--checks', 'also draw checks that only the stage of the same name answers');
  addServerOptions(command).action((planId: string | undefined, options: GraphOptions) => graph(cli, planId, options));
}

async function graph(cli: Cli, planId: string | undefined, options: GraphOptions): Promise<void> {
  const drawn = planGraph(await sourceOf(cli, planId, options), options.checks === true);
  if (options.json) cli.out.json(drawn);
  else cli.out.line(options.format === 'dot' ? dot(drawn) : mermaid(drawn));
}

async function sourceOf(cli: Cli, planId: string | undefined, options: GraphOptions): Promise<GraphSource> {
  if (planId !== undefined && options.file === undefined) {
    return withClient(cli, options, (client) => fetchEverything(client, planId, NodeView.BASIC));
  }
  if (planId !== undefined || options.file === undefined) {
    const remedy = 'see `turboci graph --help`';
    throw new CliError('name a plan, or a plan --file; one of the two', {
      exitCode: exitCode.usage,
      reason: 'USAGE',
      remedy,
    });
  }
  const { stages, checks } = (await loadPlan(options.file)).nodes;
  return { stages: stages.map((stage) => ({ ...stage, state: StageState.PLANNED })), checks };
}
