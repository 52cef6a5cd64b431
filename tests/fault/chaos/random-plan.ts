import { CheckState } from '../../../gen/turboci/v1/common_pb.js';
import type { Dice } from '../dice.ts';
import { GrowingPlan, type Nodes } from './growing-plan.ts';

/** What becomes of a plan, or of one of its stages, before its time. */
export type Cancellation = { readonly afterMs: number; readonly stageId: string | undefined };

/** A plan as its author writes it. */
export type PlanScript = {
  readonly key: string;
  /** One after the other. The last one ends the checks that no stage answers for: before it no plan is done. */
  readonly writes: readonly Nodes[];
  readonly cancellation: Cancellation | undefined;
};

const LEAST_NODES = 5;
const MOST_NODES = 40;
const MOST_CHILDREN = 10;
const LONGEST_PATIENCE_MS = 4000;

/** A plan of 5 to 40 nodes, children included. */
export function randomPlan(dice: Dice, key: string): PlanScript {
  const size = LEAST_NODES + dice.below(MOST_NODES - MOST_CHILDREN - LEAST_NODES + 1);
  const plan = new GrowingPlan(dice, size, MOST_CHILDREN);
  const parts: Nodes[] = [];
  for (let left = 1 + dice.below(3); left > 0; left--) parts.push(plan.grow(Math.ceil(plan.left / left)));
  const ends = plan.unanswered.map((id) => ({ id, state: CheckState.FINAL }));
  return { key, writes: [...parts, { checks: ends, stages: [] }], cancellation: randomCancellation(dice, plan) };
}

function randomCancellation(dice: Dice, { stageIds }: GrowingPlan): Cancellation | undefined {
  const afterMs = dice.below(LONGEST_PATIENCE_MS);
  if (dice.chance(0.15)) return { afterMs, stageId: undefined };
  return stageIds.length > 0 && dice.chance(0.15) ? { afterMs, stageId: dice.pick(stageIds) } : undefined;
}
