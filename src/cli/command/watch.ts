import type { Command } from 'commander';
import type { Cli, ServerOptions } from '../cli.ts';
import { addServerOptions, withClient } from '../connection.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { followPlan } from '../follow-plan.ts';
import { withInterrupts } from '../interrupts.ts';
import { wholeNumber } from './arguments.ts';

type WatchOptions = ServerOptions & { readonly since: number };

export function addWatchCommand(program: Command, cli: Cli, end: (code: ExitCode) => void): void {
  const command = program
    .command('watch')
    .argument('<plan-id>', 'the plan')
    .summary('show how a plan goes until it ends')
    .description(
      'Shows a plan until it is complete. Ends with 0 if the plan succeeded, with 1 if it did not. Ctrl-C stops watching; ' +
        'the plan goes on.',
    )
    .option('--since <revision>', 'begin after this revision', wholeNumber, 0);
  addServerOptions(command).action(async (planId: string, options: WatchOptions) =>
    end(await withClient(cli, options, (client) => watch(cli, client, planId, options))),
  );
}

async function watch(
  cli: Cli,
  client: Parameters<typeof followPlan>[1],
  planId: string,
  { since, json }: WatchOptions,
): Promise<ExitCode> {
  return withInterrupts(async ({ signal, code: interrupted }) => {
    const code = await followPlan(cli, client, {
      planId,
      sinceRevision: BigInt(since),
      json: json === true,
      signal,
      logDir: undefined,
    });
    return code ?? interrupted() ?? exitCode.interrupted;
  });
}
