import { DependencyCondition } from '../../../gen/turboci/v1/common_pb.js';
import { all, any, atLeast, type Edge, type Group, onCheck, onStage } from '../../e2e/semantics/harness/groups.ts';
import type { Dice } from '../dice.ts';

/** A node that others may wait for. */
export type Target = { readonly type: 'check' | 'stage'; readonly id: string };

const { FINAL, SUCCEEDED, FAILED } = DependencyCondition;
const HAS_DEPENDENCIES = 0.65;
/** The latest few nodes, for plans that are deep. */
const NEAR = 4;
const CONDITIONS = [FINAL, FINAL, FINAL, SUCCEEDED, SUCCEEDED, FAILED] as const;

/** Some edges to some of the targets, of which there is at least one, under any predicate, sometimes with a nested group. */
export function randomGroup(dice: Dice, targets: readonly Target[], mayNest = true): Group {
  const edges = Array.from({ length: 1 + dice.below(3) }, () => randomEdge(dice, dice.pick(targets)));
  const members = [...distinct(edges), ...(mayNest && dice.chance(0.2) ? [randomGroup(dice, targets, false)] : [])];
  switch (dice.below(4)) {
    case 0:
      return any(...members);
    case 1:
      return atLeast(1 + dice.below(members.length), ...members);
    default:
      return all(...members);
  }
}

/** The dependencies of a node that may wait for earlier ones, or for none. */
export function someDependencies(dice: Dice, earlier: readonly Target[]): { readonly dependencies?: Group } {
  if (earlier.length === 0 || !dice.chance(HAS_DEPENDENCIES)) return {};
  return { dependencies: randomGroup(dice, dice.chance(0.6) ? earlier.slice(-NEAR) : earlier) };
}

function randomEdge(dice: Dice, { type, id }: Target): Edge {
  const condition = dice.pick(CONDITIONS);
  return type === 'check' ? onCheck(id, condition) : onStage(id, condition);
}

/** Equal edges count once, which a threshold has to respect. */
function distinct(edges: readonly Edge[]): readonly Edge[] {
  return [...new Map(edges.map((edge) => [JSON.stringify(edge), edge])).values()];
}
