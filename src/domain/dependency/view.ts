import type { FlatDependencies } from './flatten.ts';
import type { DependencyView, GroupView } from './group.ts';

/** The tree that clients see, from its rows. No rows are an empty group. */
export function viewOf(flat: FlatDependencies): GroupView {
  const built = flat.groups.map((group) => ({
    predicate: group.predicate,
    threshold: group.predicate === 'THRESHOLD' ? group.tally.need : 0,
    dependencies: new Array<DependencyView>(),
    groups: new Array<GroupView>(),
  }));
  for (const { group, targetType, targetId, condition, resolution } of flat.edges) {
    built[group]?.dependencies.push({ targetType, targetId, condition, resolution });
  }
  for (const { index, parent } of flat.groups) {
    const child = built[index];
    if (child !== undefined && parent >= 0) built[parent]?.groups.push(child);
  }
  return built[0] ?? { predicate: 'AND', threshold: 0, dependencies: [], groups: [] };
}
