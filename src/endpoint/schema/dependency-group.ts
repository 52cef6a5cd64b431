import { z } from 'zod';
import { flatten, type GroupFault } from '../../domain/dependency/flatten.ts';
import { type DependencyGroup, predicates } from '../../domain/dependency/group.ts';
import type { Limits } from '../../domain/limits.ts';
import { conditions } from '../../domain/outcome.ts';
import { type Checked, fault } from './fault.ts';
import { limitedFields, oneOf } from './fields.ts';

/** A group tree whose thresholds can be met, within the limits on nesting and edges. */
export function dependencyGroupSchema(limits: Limits): z.ZodType<DependencyGroup> {
  const { id } = limitedFields(limits);
  const edge = z.object({
    targetType: oneOf(['CHECK', 'STAGE']),
    targetId: id,
    condition: oneOf(conditions),
  });
  const members: z.ZodType<DependencyGroup> = z.object({
    predicate: oneOf(predicates),
    threshold: z.int(),
    dependencies: z.array(edge),
    get groups() {
      return z.array(members);
    },
  });
  return members.check((checked) => checkTree(checked, limits));
}

function checkTree(checked: Checked<DependencyGroup>, limits: Limits): void {
  const root = checked.value;
  const tooDeep = pathBelow(root, limits.groupDepth);
  if (tooDeep !== undefined) {
    fault(checked, `groups must not nest deeper than ${limits.groupDepth} levels`, tooDeep, 'REQUEST_LIMIT_EXCEEDED');
    return;
  }
  // Without nesting and threshold nothing can be wrong, and most groups are so.
  if (root.groups.length === 0 && root.predicate !== 'THRESHOLD') return;
  const flat = flatten(root);
  if ('fault' in flat) fault(checked, describe(flat.fault), flat.fault.path);
}

function describe(found: GroupFault): string {
  switch (found.fault) {
    case 'EMPTY_NESTED_GROUP':
      return 'a nested group needs members';
    case 'THRESHOLD_OUT_OF_RANGE':
      return `must be from 1 to ${found.members}, the number of different members`;
  }
}

/** The path of the first group deeper than `depth`, the root being at 1. Iterative: the depth is the caller's choice. */
function pathBelow(root: DependencyGroup, depth: number): readonly (string | number)[] | undefined {
  const open = [{ group: root, path: new Array<string | number>(), level: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { group, path, level } = next;
    if (level > depth) return path;
    group.groups.forEach((nested, at) => {
      open.push({ group: nested, path: [...path, 'groups', at], level: level + 1 });
    });
  }
  return undefined;
}

/** Edges of all groups of a tree, as written. */
export function countEdges(root: DependencyGroup | undefined): number {
  let edges = 0;
  const open = root === undefined ? [] : [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    edges += next.dependencies.length;
    open.push(...next.groups);
  }
  return edges;
}
