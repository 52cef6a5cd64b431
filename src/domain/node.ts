/** The two kinds of node of a plan. */
export type NodeType = 'CHECK' | 'STAGE';

/** Names one node of a plan. */
export type NodeRef = { readonly type: NodeType; readonly id: string };

/** How much of a node a caller wants: BASIC leaves out options, args, result data, details and progress. */
export type NodeView = 'BASIC' | 'FULL';

/** A node in messages and cycle paths: `check "lint"`. */
export function describeNode(node: NodeRef): string {
  return `${node.type === 'CHECK' ? 'check' : 'stage'} "${node.id}"`;
}

/** A string that is different for different nodes of one plan. */
export function nodeKey(node: NodeRef): string {
  return `${node.type}:${node.id}`;
}
