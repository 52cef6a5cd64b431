import type { FlatDependencies, FlatEdge } from './flatten.ts';
import type { Resolution } from './group.ts';
import { type GroupTally, resolve, withMember } from './tally.ts';

/** A tree with what is known of its targets counted in, and how its root stands. */
export type Evaluation = { readonly flat: FlatDependencies; readonly resolution: Resolution | undefined };

/**
 * Evaluates a whole tree over what `resolutionOf` knows of each edge's target: used once, when tracking starts; from
 * then on every edge is counted as it resolves. Children have higher indexes than their parents, so one pass from the
 * last group to the root suffices.
 */
export function evaluate(flat: FlatDependencies, resolutionOf: (edge: FlatEdge) => Resolution | undefined): Evaluation {
  const edges = flat.edges.map((edge) => ({ ...edge, resolution: resolutionOf(edge) }));
  const tallies: GroupTally[] = flat.groups.map((group) => ({ ...group.tally, satisfied: 0, unsatisfied: 0 }));
  const count = (group: number, resolution: Resolution | undefined): void => {
    const tally = tallies[group];
    if (tally !== undefined && resolution !== undefined) tallies[group] = withMember(tally, resolution);
  };
  for (const edge of edges) count(edge.group, edge.resolution);
  for (const { index, parent } of flat.groups.toReversed()) {
    const tally = tallies[index];
    if (tally !== undefined && parent >= 0) count(parent, resolve(tally));
  }
  const groups = flat.groups.map((group) => ({ ...group, tally: tallies[group.index] ?? group.tally }));
  const root = tallies[0];
  return { flat: { groups, edges }, resolution: root === undefined ? 'SATISFIED' : resolve(root) };
}
