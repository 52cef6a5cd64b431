import { AttemptState } from '../../../gen/turboci/v1/common_pb.js';
import type { Attempt } from '../../../gen/turboci/v1/stage_pb.js';
import { lastAttempt, type WriteInit } from '../../e2e/semantics/harness/plan.ts';
import type { ActInit } from '../runner/act.ts';
import { Scene } from './scene.ts';
import type { Stageable } from './server.ts';

/** The two ways in which an execution is reported by calls of the runner's. */
export const reportedKinds = ['RUN_ASYNC', 'ACQUIRE'] as const;
export type ReportedKind = (typeof reportedKinds)[number];

/** An execution whose runner leaves all reports to the test. */
export type InHand = {
  readonly scene: Scene;
  readonly runnerId: string;
  readonly executionId: string;
  /** The last attempt as it is now. */
  attempt(): Promise<Attempt>;
};

type Also = Parameters<Scene['async']>[2];

const SILENT: ActInit = { do: 'vanish', hold: true, onCancel: 'ignore' };

/** The execution of stage `build`, whose plan may have more nodes; a retry is executed as `retry` says. */
export async function inHand(
  server: { readonly current: Stageable },
  kind: ReportedKind,
  also: Also = {},
  { retry, ...more }: WriteInit & { readonly retry?: ActInit } = {},
): Promise<InHand> {
  const scene = await Scene.open(server);
  const acts = retry === undefined ? [SILENT] : [SILENT, retry];
  const stages = [scene.async('build', acts, also), ...(more.stages ?? [])];
  const taken =
    kind === 'RUN_ASYNC' ? await accept(scene, { ...more, stages }) : await pull(scene, { ...more, stages });
  return { scene, ...taken, attempt: async () => lastAttempt(await scene.plan.stage('build')) };
}

async function accept(scene: Scene, write: WriteInit) {
  const runner = await scene.runner();
  await scene.plan.write(write);
  const { executionId } = await runner.until('start', 'build');
  await scene.plan.untilStage('build', 'SCHEDULED', (stage) => lastAttempt(stage).state === AttemptState.SCHEDULED);
  return { runnerId: runner.runnerId, executionId };
}

async function pull(scene: Scene, write: WriteInit) {
  const runnerId = `${scene.runnerType}-hand`;
  await scene.register(runnerId);
  await scene.plan.write(write);
  const [execution] = await scene.acquire({ runnerId, waitMs: 10_000 });
  if (execution === undefined) throw new Error('nothing was acquired');
  return { runnerId, executionId: execution.executionId };
}
