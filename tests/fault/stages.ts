import Database from 'better-sqlite3';
import { StageState } from '../../gen/turboci/v1/common_pb.js';
import type { Stage } from '../../gen/turboci/v1/stage_pb.js';
import { waitFor } from '../support/wait-for.ts';
import type { Served } from './serve.ts';

/** Creates an empty plan; answers its id. */
export async function createPlan(api: Served['api']): Promise<string> {
  const { workPlan } = await api.createWorkPlan({});
  if (workPlan === undefined) throw new Error('no plan was answered');
  return workPlan.id;
}

export async function stageOf(api: Served['api'], workPlanId: string, stageId: string): Promise<Stage> {
  const { stages } = await api.queryNodes({ workPlanId, stageIds: [stageId], includeStages: true });
  const [stage] = stages;
  if (stage === undefined) throw new Error(`there is no stage ${stageId}`);
  return stage;
}

export function finalStage(api: Served['api'], workPlanId: string, stageId: string): Promise<Stage> {
  return waitFor(`stage ${stageId} to be FINAL`, async () => {
    const stage = await stageOf(api, workPlanId, stageId);
    return stage.state === StageState.FINAL && stage;
  });
}

/** A duration as the contract writes it. */
export function milliseconds(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}

/** An attempt as it is stored. */
export type AttemptRow = {
  readonly stage: string;
  readonly idx: number;
  readonly state: number;
  readonly available_at: number;
  readonly started_at: number | null;
};

/** The attempts in a database file, read past the server. */
export function attemptsOf(path: string): readonly AttemptRow[] {
  const database = new Database(path, { readonly: true, timeout: 5000 });
  try {
    const rows = database.prepare<[], AttemptRow>(
      'SELECT stage_id AS stage, idx, state, available_at, started_at FROM stage_attempts',
    );
    return rows.all();
  } finally {
    database.close();
  }
}
