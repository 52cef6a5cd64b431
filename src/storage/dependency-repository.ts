import type { FlatDependencies } from '../domain/dependency/flatten.ts';
import type { GroupPurpose, Resolution } from '../domain/dependency/group.ts';
import type { GroupTally } from '../domain/dependency/tally.ts';
import type { NodeRef } from '../domain/node.ts';
import type { Outcome } from '../domain/outcome.ts';

/** The tree of groups that belongs to a node for one purpose. */
export type GroupOwner = { readonly planId: string; readonly source: NodeRef; readonly purpose: GroupPurpose };

/** A tracked edge that its target's end resolved: the group that counts it. */
export type ResolvedEdge = {
  readonly source: NodeRef;
  readonly purpose: GroupPurpose;
  readonly group: number;
  readonly resolution: Resolution;
};

/** One group's counters and its parent (-1 for the root). */
export type StoredGroup = { readonly parent: number; readonly tally: GroupTally };

export interface DependencyReader {
  /** The tree with its resolutions; undefined when none was written. Edges in the order in which they were written. */
  get(owner: GroupOwner): Promise<FlatDependencies | undefined>;
}

export interface DependencyRepository extends DependencyReader {
  /** Stores a tree in place of an older one. While it is not `tracked` the end of a target does not touch it. */
  put(owner: GroupOwner, flat: FlatDependencies, tracked: boolean): Promise<void>;
  remove(owner: GroupOwner): Promise<void>;
  /** Starts tracking a stored tree: stores the resolutions and tallies that its targets have brought so far. */
  startTracking(owner: GroupOwner, flat: FlatDependencies): Promise<void>;
  /** Resolves, by its condition, every tracked edge to a target that became FINAL; answers the edges it touched. */
  recordResolution(planId: string, target: NodeRef, outcome: Outcome, at: number): Promise<readonly ResolvedEdge[]>;
  group(owner: GroupOwner, index: number): Promise<StoredGroup | undefined>;
  updateTally(owner: GroupOwner, index: number, tally: GroupTally): Promise<void>;
}
