import type { Dependency, DependencyGroup, GroupView, Predicate, Resolution } from './group.ts';
import { dependencyKey } from './group.ts';
import { type GroupTally, isPossibleNeed } from './tally.ts';

/** One group of a flattened tree. Index 0 is the root; a parent's index is lower than those of its children. */
export type FlatGroup = {
  readonly index: number;
  /** -1 for the root. */
  readonly parent: number;
  readonly predicate: Predicate;
  readonly tally: GroupTally;
};

/** One edge of a flattened tree, in the order in which it was written. */
export type FlatEdge = Dependency & { readonly group: number; readonly resolution: Resolution | undefined };

/** A group tree as rows: what storage keeps and propagation counts on. */
export type FlatDependencies = { readonly groups: readonly FlatGroup[]; readonly edges: readonly FlatEdge[] };

/** Where in the written tree a group is impossible to satisfy or has nothing to count. */
export type GroupFault = {
  readonly path: readonly (string | number)[];
  readonly fault: 'EMPTY_NESTED_GROUP' | 'THRESHOLD_OUT_OF_RANGE';
  readonly members: number;
};

/**
 * Turns a group tree into rows, merging equal edges of one group before its threshold is judged (semantics, section 5).
 * Iterative: nesting is bounded by a limit, but not by the stack. Returns the first fault instead, if there is one.
 */
export function flatten(root: DependencyGroup): { readonly flat: FlatDependencies } | { readonly fault: GroupFault } {
  const groups: FlatGroup[] = [];
  const edges: FlatEdge[] = [];
  const open: {
    readonly group: DependencyGroup;
    readonly parent: number;
    readonly path: readonly (string | number)[];
  }[] = [{ group: root, parent: -1, path: [] }];
  // The list grows while it is walked: a queue without the cost of taking from its front.
  for (const { group, parent, path } of open) {
    const index = groups.length;
    const own = new Map(group.dependencies.map((edge) => [dependencyKey(edge), edge]));
    const members = own.size + group.groups.length;
    if (members === 0 && parent >= 0) return { fault: { path, fault: 'EMPTY_NESTED_GROUP', members } };
    const need = neededOf(group, members);
    if (!isPossibleNeed(need, members, group.predicate)) {
      return { fault: { path: [...path, 'threshold'], fault: 'THRESHOLD_OUT_OF_RANGE', members } };
    }
    groups.push({ index, parent, predicate: group.predicate, tally: { need, members, satisfied: 0, unsatisfied: 0 } });
    for (const { targetType, targetId, condition } of own.values()) {
      edges.push({ group: index, targetType, targetId, condition, resolution: undefined });
    }
    group.groups.forEach((nested, at) => {
      open.push({ group: nested, parent: index, path: [...path, 'groups', at] });
    });
  }
  return { flat: { groups, edges } };
}

function neededOf(group: DependencyGroup, members: number): number {
  switch (group.predicate) {
    case 'AND':
      return members;
    case 'OR':
      return Math.min(1, members);
    case 'THRESHOLD':
      return group.threshold;
  }
}

/** Equality of two written or stored trees; the order of edges and groups does not matter. */
export function sameGroups(
  a: GroupView | DependencyGroup | undefined,
  b: GroupView | DependencyGroup | undefined,
): boolean {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  return canonical(a) === canonical(b);
}

function isEmpty(group: GroupView | DependencyGroup | undefined): boolean {
  return group === undefined || group.dependencies.length + group.groups.length === 0;
}

function canonical(group: GroupView | DependencyGroup | undefined): string {
  if (group === undefined || isEmpty(group)) return '';
  const edges = new Set(group.dependencies.map(dependencyKey));
  const members = [...edges, ...group.groups.map(canonical)].sort();
  return JSON.stringify([group.predicate, group.predicate === 'THRESHOLD' ? group.threshold : 0, members]);
}
