import type { CheckState, CheckView } from '../domain/check.ts';
import type { NodeView } from '../domain/node.ts';
import type { StageState, StageView } from '../domain/stage.ts';

/** Which nodes of one kind to read. */
export type NodeSelector<State> = {
  /** Empty = any. Ids that do not exist are left out. */
  readonly ids: readonly string[];
  /** Empty = any. */
  readonly states: readonly State[];
  /** Only nodes created after this position; 0 = from the beginning. */
  readonly after: number;
  /** At most this many; undefined = all. */
  readonly limit: number | undefined;
};

/** Nodes in the order of their creation, each with the position that a next page continues from. */
export type Positioned<Node> = { readonly position: number; readonly node: Node };

/**
 * Reads whole nodes for clients: a fixed number of statements, however many nodes. What a node's own counters say it has
 * none of (results, attempts, progress, a continuation group) is not looked for.
 */
export interface NodeReader {
  checks(planId: string, selector: NodeSelector<CheckState>, view: NodeView): Promise<readonly Positioned<CheckView>[]>;
  stages(planId: string, selector: NodeSelector<StageState>, view: NodeView): Promise<readonly Positioned<StageView>[]>;
}
