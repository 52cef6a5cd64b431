import type { NodeType } from '../node.ts';
import type { Condition } from '../outcome.ts';

export const predicates = ['AND', 'OR', 'THRESHOLD'] as const;
export type Predicate = (typeof predicates)[number];

/** How an edge or a group ended; both are for good. */
export const resolutions = ['SATISFIED', 'UNSATISFIED'] as const;
export type Resolution = (typeof resolutions)[number];

/** One edge: the source waits for the target to become FINAL with an outcome that satisfies the condition. */
export type Dependency = {
  readonly targetType: NodeType;
  readonly targetId: string;
  readonly condition: Condition;
};

/** A predicate over edges and nested groups. No members = satisfied. `threshold` counts for THRESHOLD only. */
export type DependencyGroup = {
  readonly predicate: Predicate;
  readonly threshold: number;
  readonly dependencies: readonly Dependency[];
  readonly groups: readonly DependencyGroup[];
};

/** A group as clients see it: each edge with its resolution, once it has one. */
export type GroupView = {
  readonly predicate: Predicate;
  readonly threshold: number;
  readonly dependencies: readonly DependencyView[];
  readonly groups: readonly GroupView[];
};

export type DependencyView = Dependency & { readonly resolution: Resolution | undefined };

/** What a group is for: a node's own dependencies, or the continuation group that holds a stage in AWAITING_GROUP. */
export type GroupPurpose = 'DEPENDENCIES' | 'CONTINUATION';

/** Equal edges are one edge within a group. */
export function dependencyKey(edge: Dependency): string {
  return `${edge.targetType}:${edge.condition}:${edge.targetId}`;
}
