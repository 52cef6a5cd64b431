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
  const group = (groups: z.ZodType<readonly DependencyGroup[]>): z.ZodType<DependencyGroup> =>
    z.object({ predicate: oneOf(predicates), threshold: z.int(), dependencies: z.array(edge), groups });
  // A schema for each level: one that contained itself would cost more for every group, and would nest without end.
  let nested: z.ZodType<readonly DependencyGroup[]> = z.custom<readonly DependencyGroup[]>().check((checked) => {
    if (checked.value.length === 0) return;
    fault(checked, `groups must not nest deeper than ${limits.groupDepth} levels`, [0], 'REQUEST_LIMIT_EXCEEDED');
  });
  for (let level = limits.groupDepth; level > 1; level--) nested = z.array(group(nested));
  return group(nested).check(checkThresholds);
}

function checkThresholds(checked: Checked<DependencyGroup>): void {
  const root = checked.value;
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

/** Edges of all groups of a tree, as written. */
export function countEdges(root: DependencyGroup | undefined): number {
  let edges = 0;
  const open = root === undefined ? [] : [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    edges += next.dependencies.length;
    for (const nested of next.groups) open.push(nested);
  }
  return edges;
}
