import type { Check } from '../../../gen/turboci/v1/check_pb.js';
import { AttemptState, NodeView, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { type StageRunnerInfo, TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { Attempt, Stage } from '../../../gen/turboci/v1/stage_pb.js';
import type { WorkPlan } from '../../../gen/turboci/v1/workplan_pb.js';
import { CliError } from '../cli-error.ts';
import type { ServerClient } from '../client.ts';
import { exitCode } from '../exit-code.ts';
import { didYouMean } from '../plan/suggest.ts';
import { isRemote } from '../progress/board.ts';
import { fetchEverything } from '../queries.ts';

/** A stage and what is to be known of its surroundings. */
export type Described = {
  readonly plan: WorkPlan;
  readonly stage: Stage;
  /** The nodes of the plan, without their histories. */
  readonly stages: ReadonlyMap<string, Stage>;
  readonly checks: ReadonlyMap<string, Check>;
  /** The stages that it added, oldest first. */
  readonly children: readonly Stage[];
  /** The runners of its type; undefined unless it waits for one. */
  readonly runners: readonly StageRunnerInfo[] | undefined;
};

/** A stage with everything about it. */
export async function fetchStage(client: ServerClient, workPlanId: string, id: string): Promise<Stage> {
  const request = { workPlanId, stageIds: [id], includeStages: true, view: NodeView.FULL };
  const { stages } = await client.call(TurboCIOrchestrator.method.queryNodes, request);
  if (stages[0] !== undefined) return stages[0];
  const known = await fetchEverything(client, workPlanId, NodeView.BASIC);
  const guess = didYouMean(
    id,
    known.stages.map((stage) => stage.id),
  );
  throw new CliError(`plan ${workPlanId} has no stage "${id}"${guess}`, {
    exitCode: exitCode.notFound,
    reason: 'NODE_NOT_FOUND',
    remedy: `see what it has with \`turboci get ${workPlanId}\``,
  });
}

/** A stage with everything about it, and what it has to do with. */
export async function fetchDescribed(client: ServerClient, planId: string, id: string): Promise<Described> {
  const stage = await fetchStage(client, planId, id);
  const { plan, stages, checks } = await fetchEverything(client, planId, NodeView.BASIC);
  const { runnerType } = stage;
  const runners = waitsForRunner(stage)
    ? (await client.call(TurboCIOrchestrator.method.listStageRunners, { runnerType })).runners
    : undefined;
  return {
    plan,
    stage,
    stages: new Map(stages.map((one) => [one.id, one])),
    checks: new Map(checks.map((one) => [one.id, one])),
    children: stages.filter(({ parentStageId }) => parentStageId === id),
    runners,
  };
}

/** Whether nobody has the live attempt of a stage for runners. */
function waitsForRunner(stage: Stage): boolean {
  const attempt = liveAttempt(stage);
  return isRemote(stage) && attempt?.state === AttemptState.PENDING && attempt.runnerId === '';
}

/** The attempt that the stage's end depends on, if it is at work. */
export function liveAttempt({ state, attempts }: Stage): Attempt | undefined {
  return state === StageState.ATTEMPTING ? attempts.at(-1) : undefined;
}
