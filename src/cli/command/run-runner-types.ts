import { NodeView, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { Cli } from '../cli.ts';
import { CliError } from '../cli-error.ts';
import type { ServerClient } from '../client.ts';
import { exitCode } from '../exit-code.ts';
import { oneLine } from '../output.ts';
import { isRemote } from '../progress/board.ts';
import { fetchEverything } from '../queries.ts';
import type { Programs } from './run-programs.ts';

type RemoteStage = { readonly id: string; readonly runnerType: string };

/** The stages of a plan on a server that have not ended. */
export async function openStages(client: ServerClient, planId: string): Promise<readonly RemoteStage[]> {
  const { stages } = await fetchEverything(client, planId, NodeView.BASIC);
  return stages.filter(({ state }) => state !== StageState.FINAL);
}

/** Nobody but this process will ever see the embedded server: a stage for somebody else would wait for ever. */
export function refuseForeignRunners(stages: readonly RemoteStage[], programs: Programs): void {
  const foreign = withoutProgram(stages, programs);
  if (foreign.length === 0) return;
  throw new CliError('the plan has stages for runners, and a server of its own has none', {
    exitCode: exitCode.usage,
    reason: 'NO_RUNNERS',
    details: foreign.map(({ id, runnerType }) => ({ path: `stages.${id}.runner`, message: runnerType })),
    remedy:
      'give the type a command with --runner TYPE=COMMAND, or name the server where its runners are with --server',
  });
}

/**
 * Says for which types nobody is registered yet; the stages wait. Rejects if the server is away, for which a command that
 * waits for work would wait, too.
 */
export async function warnOfMissingRunners(
  cli: Cli,
  client: ServerClient,
  stages: readonly RemoteStage[],
  programs: Programs,
): Promise<void> {
  const types = new Set(withoutProgram(stages, programs).map(({ runnerType }) => runnerType));
  if (types.size === 0 && Object.keys(programs).length === 0) return;
  const { runners } = await client.call(TurboCIOrchestrator.method.listStageRunners, {});
  for (const { runnerType } of runners) types.delete(runnerType);
  for (const type of types) {
    cli.err.line(`turboci: no runner of type ${oneLine(type)} is registered; its stages wait until one registers`);
  }
}

function withoutProgram(stages: readonly RemoteStage[], programs: Programs): readonly RemoteStage[] {
  return stages.filter((stage) => isRemote(stage) && !Object.hasOwn(programs, stage.runnerType));
}
