import { toJson } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { type Attempt, StageSchema } from '../../../gen/turboci/v1/stage_pb.js';
import type { Cli, ServerOptions } from '../cli.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { attemptLines } from '../describe/attempt-lines.ts';
import { type Described, fetchDescribed, fetchStage } from '../describe/described.ts';
import { logLines } from '../describe/log-file.ts';
import { stageLines } from '../describe/stage-lines.ts';
import { oneLine } from '../output.ts';
import { outputOf } from '../progress/summary.ts';

type DescribeOptions = ServerOptions & { readonly all?: true; readonly logs?: true };

/** Progress entries of an attempt that are shown unless all are asked for. */
const ENTRIES = 20;

export function addDescribeCommand(program: Command, cli: Cli): void {
  const command = program
    .command('describe')
    .argument('<plan-id>', 'the plan')
    .argument('<stage>', 'a stage of it')
    .summary('show everything about a stage and its attempts')
    .description(
      'Shows how a stage stands and why, what it waits for, and each of its attempts: where it ran, when, how far it got, ' +
        'and what failed.',
    )
    .option('--all', `all progress entries of an attempt, not only the last ${ENTRIES}`)
    .option('--logs', 'the whole logs of attempts, if they are on this machine');
  addServerOptions(command).action((planId: string, stageId: string, options: DescribeOptions) =>
    describe(cli, planId, stageId, options),
  );
}

async function describe(cli: Cli, planId: string, stageId: string, options: DescribeOptions): Promise<void> {
  if (options.json) {
    const stage = await withClient(cli, options, (client) => fetchStage(client, planId, stageId));
    cli.out.json(toJson(StageSchema, stage));
    return;
  }
  const described = await withClient(cli, options, (client) => fetchDescribed(client, planId, stageId));
  cli.out.lines(stageLines(described, cli.clock.now(), cli.out.paint));
  for (const attempt of described.stage.attempts) await writeAttempt(cli, attempt, described, options);
}

async function writeAttempt(
  { out, clock }: Cli,
  attempt: Attempt,
  { stage }: Described,
  { all, logs }: DescribeOptions,
): Promise<void> {
  const { log } = outputOf(attempt.details);
  const showsLog = logs === true && log !== '';
  out.line();
  out.lines(
    attemptLines(attempt, stage, {
      paint: out.paint,
      now: clock.now(),
      entries: all ? Number.POSITIVE_INFINITY : ENTRIES,
      log: !showsLog,
    }),
  );
  if (!showsLog) return;
  out.line(`  ${out.paint('dim', 'log')}        ${oneLine(log)}`);
  for await (const line of logLines(log)) out.line(`    ${out.paint('dim', '│')} ${line}`);
}
