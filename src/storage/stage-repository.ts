import type { Assignment } from '../domain/assignment.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Stage } from '../domain/stage.ts';

export interface StageReader {
  get(planId: string, id: string): Promise<Stage | undefined>;
  args(planId: string, id: string): Promise<JsonObject | undefined>;
  /** In the order in which they were written. */
  assignments(planId: string, stageId: string): Promise<readonly Assignment[]>;
}

export interface StageRepository extends StageReader {
  /** Creation order is the order of insertion. The parent and the checks of the assignments are stored already. */
  insert(stage: Stage, args: JsonObject | undefined, assignments: readonly Assignment[]): Promise<void>;
  /** Stores the fields that can change; args, assignments, mode, runner type, policy and parent never do. */
  update(stage: Stage): Promise<void>;
  /** Ids of the stages that are not FINAL, by creation. */
  openIds(planId: string): Promise<readonly string[]>;
  /** Ids of a stage's children that are not FINAL, by creation. */
  openChildIds(planId: string, parentStageId: string): Promise<readonly string[]>;
}
