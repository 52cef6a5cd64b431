import { toJson } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  type StageRunnerInfo,
  StageRunnerInfoSchema,
  TurboCIOrchestrator,
} from '../../../gen/turboci/v1/service_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { modeText } from '../describe/runner-wait.ts';
import { oneLine } from '../output.ts';
import { formatDuration } from '../progress/duration.ts';

type RunnersOptions = ServerOptions & { readonly type?: string };

export function addRunnersCommand(program: Command, cli: Cli): void {
  const command = program
    .command('runners')
    .summary('list the runners that are registered')
    .description('Lists the registered runners, a line for each type of stages that one takes.')
    .option('--type <type>', 'only runners of this type');
  addServerOptions(command).action((options: RunnersOptions) => runners(cli, options));
}

async function runners(cli: Cli, options: RunnersOptions): Promise<void> {
  const { type: runnerType = '', json } = options;
  const found = await withClient(cli, options, async (client) => {
    const answer = await client.call(TurboCIOrchestrator.method.listStageRunners, { runnerType });
    return answer.runners;
  });
  if (json) cli.out.json({ runners: found.map((runner) => toJson(StageRunnerInfoSchema, runner)) });
  else if (found.length === 0) cli.err.line(`no runners${runnerType === '' ? '' : ` of type ${oneLine(runnerType)}`}`);
  else cli.out.lines(tableLines(cli, found));
}

const HEADER: readonly string[] = ['RUNNER', 'TYPE', 'MODES', 'ADDRESS', 'LOAD', 'HEARTBEAT', 'EXPIRES', ''];

function tableLines({ out, clock }: Cli, found: readonly StageRunnerInfo[]): readonly string[] {
  const rows = found.map((runner) => cells(runner, clock.now()));
  const widths = HEADER.map((_, column) => Math.max(...[HEADER, ...rows].map((row) => row[column]?.length ?? 0)));
  const [header = '', ...lines] = [HEADER, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [out.paint('dim', header), ...lines];
}

function cells(runner: StageRunnerInfo, now: number): readonly string[] {
  const { runnerId, runnerType, supportedModes, address, lastHeartbeat, expiresAt, suspended } = runner;
  return [
    oneLine(runnerId),
    oneLine(runnerType),
    supportedModes.map(modeText).join(','),
    address === '' ? 'pulls' : oneLine(address),
    `${runner.currentLoad}/${runner.maxConcurrent === 0 ? '∞' : runner.maxConcurrent}`,
    lastHeartbeat === undefined ? '' : `${formatDuration(now - timestampMs(lastHeartbeat))} ago`,
    expiresAt === undefined ? '' : `in ${formatDuration(timestampMs(expiresAt) - now)}`,
    suspended ? 'suspended' : '',
  ];
}
