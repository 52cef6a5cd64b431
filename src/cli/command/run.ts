import { resolve } from 'node:path';
import type { Command } from 'commander';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import type { ServerClient } from '../client.ts';
import { serverAddress, withAddress } from '../connection.ts';
import { createPlan, embeddedRun, retrying } from '../create-plan.ts';
import { DEFAULT_DATABASE, withEmbeddedServer } from '../embedded-server.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { followPlan } from '../follow-plan.ts';
import { type Interrupt, withInterrupts } from '../interrupts.ts';
import { loadPlan, type Plan } from '../plan/plan-file.ts';
import type { ProgressView } from '../progress/view.ts';
import { fetchPlan } from '../queries.ts';
import { EMBEDDED_RUNNER, settleLeftovers } from './run-leftovers.ts';
import { type Programs, programOption, withPrograms } from './run-programs.ts';
import { openStages, refuseForeignRunners, warnOfMissingRunners } from './run-runner-types.ts';

type RunOptions = {
  readonly server?: string;
  readonly db?: string;
  readonly resume?: string;
  readonly runner?: Programs;
  readonly json?: true;
};
type Target = { readonly planId: string; readonly sinceRevision: bigint };

export function addRunCommand(program: Command, cli: Cli, end: (code: ExitCode) => void): void {
  program
    .command('run')
    .argument('[plan.yaml]', 'plan file, or - for standard input')
    .summary('run a plan and show how it goes')
    .description(
      'Runs a plan to its end, on a server of its own that lives as long as the command, or on the one named with ' +
        '--server. Ends with 0 if the plan succeeded, with 1 if it did not. Ctrl-C cancels the plan, a second one leaves at once.',
    )
    .option('--server <address>', 'run it on this server: HOST:PORT or unix:PATH')
    .option('--db <file>', `database of the server of its own (default: ${DEFAULT_DATABASE})`)
    .option('--resume <plan-id>', 'go on with a plan that an earlier run left behind, instead of a new one')
    .option(
      '--runner <type=command>',
      'execute stages of this runner type by a command, as `turboci runner --exec` does; may be repeated',
      programOption,
    )
    .option('--json', 'write JSON lines: the events, then a summary')
    .action(async (file: string | undefined, options: RunOptions) => end(await run(cli, file, options)));
}

async function run(cli: Cli, file: string | undefined, options: RunOptions): Promise<ExitCode> {
  const server = serverAddress(options.server);
  const plan = await planOf(file, options, server);
  if (server === undefined) return runEmbedded(cli, plan, options);
  return withInterrupts((interrupt) =>
    withAddress(cli, server, async (client) => {
      const target = (): Promise<Target> => targetOf(cli, client, plan, options, {});
      await warnOfMissingRunners(cli, client, await stagesOf(client, plan, options), options.runner ?? {});
      return runOn(cli, client, options, { interrupt, target });
    }),
  );
}

async function runEmbedded(cli: Cli, plan: Plan | undefined, options: RunOptions): Promise<ExitCode> {
  const { db: database = DEFAULT_DATABASE, resume, runner: programs = {} } = options;
  if (plan !== undefined) refuseForeignRunners(plan.nodes.stages, programs);
  const embedded = { database, mayCreate: resume === undefined, executesCommands: true };
  // Around the server: it is stopped in order however early the interruption comes.
  return withInterrupts((interrupt) =>
    withEmbeddedServer(embedded, ({ address, logDir, execute }) =>
      withAddress(cli, address, async (client) => {
        refuseForeignRunners(await stagesOf(client, plan, options), programs);
        // Before there are runners, which would be handed again what earlier ones had.
        await settleLeftovers(cli, client, resume);
        const target = async (): Promise<Target> => {
          await execute();
          return targetOf(cli, client, plan, options, embeddedRun);
        };
        return runOn(cli, client, options, { interrupt, target, logDir, runnerPrefix: EMBEDDED_RUNNER });
      }),
    ),
  );
}

async function planOf(
  file: string | undefined,
  { resume, db }: RunOptions,
  server: string | undefined,
): Promise<Plan | undefined> {
  if ((file === undefined) === (resume === undefined)) {
    throw usage('name a plan file, or a plan to --resume; one of the two');
  }
  if (server !== undefined && db !== undefined)
    throw usage('--db is for the server of its own; leave out --server or --db');
  return file === undefined ? undefined : loadPlan(file);
}

function usage(message: string): CliError {
  return new CliError(message, { exitCode: exitCode.usage, reason: 'USAGE', remedy: 'see `turboci run --help`' });
}

/** The stages that are to be run: those of the file, or those that are left of the resumed plan. */
async function stagesOf(client: ServerClient, plan: Plan | undefined, { resume }: RunOptions) {
  return plan === undefined ? openStages(client, resume ?? '') : plan.nodes.stages;
}

async function targetOf(
  cli: Cli,
  client: ServerClient,
  plan: Plan | undefined,
  { resume }: RunOptions,
  metadata: Readonly<Record<string, string>>,
): Promise<Target> {
  if (plan !== undefined) return createPlan(cli, client, plan, metadata);
  return { planId: (await fetchPlan(client, resume ?? '')).id, sinceRevision: 0n };
}

type Run = {
  readonly interrupt: Interrupt;
  readonly target: () => Promise<Target>;
  readonly logDir?: string;
  /** What the ids of the runners begin with, followed by their types; undefined = ids that nobody else has. */
  readonly runnerPrefix?: string;
};

/** Runs the plan, with the commands beside it that execute its stages. */
async function runOn(cli: Cli, client: ServerClient, options: RunOptions, run: Run): Promise<ExitCode> {
  const { signal, code: interrupted } = run.interrupt;
  let view: ProgressView | undefined;
  const shown = {
    json: options.json === true,
    logDir: run.logDir === undefined ? undefined : resolve(run.logDir),
    onView: (created: ProgressView): void => {
      view = created;
    },
  };
  const programs = {
    programs: options.runner ?? {},
    address: client.address,
    prefix: run.runnerPrefix,
    signal,
    onProblem: (text: string): void => view?.note(text),
  };
  const runAll = async (stopPrograms: () => Promise<void>): Promise<ExitCode | undefined> => {
    let planId: string | undefined;
    let cancelling: Promise<unknown> | undefined;
    const cancel = (): void => {
      view?.note('cancelling the plan; press Ctrl-C again to leave at once');
      if (planId === undefined) return;
      cancelling ??= cancelPlan(client, planId, stopPrograms);
      // Awaited below; a refusal must not end the process before that.
      cancelling.catch(() => {});
    };
    signal.addEventListener('abort', cancel);
    const { planId: id, sinceRevision } = await run.target();
    planId = id;
    if (signal.aborted) cancel();
    const code = await followPlan(cli, client, {
      ...shown,
      planId,
      sinceRevision,
      signal: new AbortController().signal,
    });
    await cancelling;
    signal.removeEventListener('abort', cancel);
    return interrupted() ?? code;
  };
  const before = interrupted();
  if (before !== undefined) return before;
  const code = await withPrograms(cli, programs, runAll);
  return code ?? interrupted() ?? exitCode.internal;
}

/** Cancels the plan, then stops what executes its stages: in this order nothing is tried again. */
async function cancelPlan(client: ServerClient, id: string, stopPrograms: () => Promise<void>): Promise<void> {
  const request = { id, reason: 'interrupted at the terminal' };
  try {
    await retrying(() => client.call(TurboCIOrchestrator.method.cancelWorkPlan, request));
  } finally {
    await stopPrograms();
  }
}
