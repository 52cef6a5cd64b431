import { resolve } from 'node:path';
import type { Command } from 'commander';
import { WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
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

type RunOptions = { readonly server?: string; readonly db?: string; readonly resume?: string; readonly json?: true };
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
    .option('--json', 'write JSON lines: the events, then a summary')
    .action(async (file: string | undefined, options: RunOptions) => end(await run(cli, file, options)));
}

async function run(cli: Cli, file: string | undefined, options: RunOptions): Promise<ExitCode> {
  const server = serverAddress(options.server);
  const plan = await planOf(file, options, server);
  if (server === undefined) return runEmbedded(cli, plan, options);
  return withInterrupts((interrupt) =>
    withAddress(cli, server, (client) =>
      runOn(cli, client, options, { interrupt, target: () => targetOf(cli, client, plan, options, {}) }),
    ),
  );
}

async function runEmbedded(cli: Cli, plan: Plan | undefined, options: RunOptions): Promise<ExitCode> {
  if (plan !== undefined) refuseForeignRunners(plan);
  const { db: database = DEFAULT_DATABASE, resume } = options;
  const embedded = { database, mayCreate: resume === undefined, executesCommands: true };
  // Around the server: it is stopped in order however early the interruption comes.
  return withInterrupts((interrupt) =>
    withEmbeddedServer(embedded, ({ address, logDir, execute }) =>
      withAddress(cli, address, async (client) => {
        const target = async (): Promise<Target> => {
          await cancelLeftovers(cli, client, resume);
          await execute();
          return targetOf(cli, client, plan, options, embeddedRun);
        };
        return runOn(cli, client, options, { interrupt, target, logDir });
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

/** Nobody but this process will ever see the embedded server: a stage for somebody else would wait for ever. */
function refuseForeignRunners({ nodes }: Plan): void {
  const foreign = nodes.stages.filter(({ runnerType }) => !runnerType.startsWith('builtin/'));
  if (foreign.length === 0) return;
  throw new CliError('the plan has stages for runners, and a server of its own has none', {
    exitCode: exitCode.usage,
    reason: 'NO_RUNNERS',
    details: foreign.map(({ id, runnerType }) => ({ path: `stages.${id}.runner`, message: runnerType })),
    remedy: 'name the server where these runners are with --server',
  });
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
};

async function runOn(
  cli: Cli,
  client: ServerClient,
  { json }: RunOptions,
  { interrupt, target, logDir }: Run,
): Promise<ExitCode> {
  const { signal, code: interrupted } = interrupt;
  const before = interrupted();
  if (before !== undefined) return before;
  let view: ProgressView | undefined;
  let planId: string | undefined;
  let cancelling: Promise<unknown> | undefined;
  const cancel = (): void => {
    view?.note('cancelling the plan; press Ctrl-C again to leave at once');
    if (planId === undefined) return;
    const request = { id: planId, reason: 'interrupted at the terminal' };
    cancelling ??= retrying(() => client.call(TurboCIOrchestrator.method.cancelWorkPlan, request));
    // Awaited below; a refusal must not end the process before that.
    cancelling.catch(() => {});
  };
  signal.addEventListener('abort', cancel);
  const { planId: id, sinceRevision } = await target();
  planId = id;
  if (signal.aborted) cancel();
  const code = await followPlan(cli, client, {
    planId,
    sinceRevision,
    json: json === true,
    signal: new AbortController().signal,
    logDir: logDir === undefined ? undefined : resolve(logDir),
    onView: (created) => {
      view = created;
    },
  });
  await cancelling;
  return interrupted() ?? code ?? exitCode.internal;
}

/** Plans of earlier embedded runs that ended without a chance to cancel them: nobody waits for these any more. */
async function cancelLeftovers(cli: Cli, client: ServerClient, resumed: string | undefined): Promise<void> {
  const { workPlans } = await client.call(TurboCIOrchestrator.method.listWorkPlans, {
    states: [WorkPlanState.ACTIVE],
    metadata: embeddedRun,
  });
  for (const { id } of workPlans) {
    if (id === resumed) continue;
    await client.call(TurboCIOrchestrator.method.cancelWorkPlan, { id, reason: 'left behind by an earlier run' });
    cli.err.line(`turboci: cancelled plan ${id}, which an earlier run left behind`);
  }
}
