import { CheckState, NodeType, Outcome, Resolution, StageState } from '../../../gen/turboci/v1/common_pb.js';
import type { Paint } from '../output.ts';
import { outcomeWords } from '../progress/board.ts';
import type { Described } from './described.ts';

type Nodes = Pick<Described, 'stages' | 'checks'>;

/** How a node stands in a word or two: its outcome once it has one. */
export function statusText(nodes: Nodes, type: NodeType, id: string): string {
  const node = type === NodeType.STAGE ? nodes.stages.get(id) : nodes.checks.get(id);
  if (node === undefined) return 'unknown';
  if (node.outcome !== Outcome.UNKNOWN) return outcomeWords[node.outcome];
  const name = node.$typeName === 'turboci.v1.Stage' ? StageState[node.state] : CheckState[node.state];
  return name.toLowerCase().replaceAll('_', ' ');
}

/** The mark of what has come about, what has not, and what is open. */
export function resolutionMark(resolution: Resolution, paint: Paint): string {
  switch (resolution) {
    case Resolution.SATISFIED:
      return paint('green', '✔');
    case Resolution.UNSATISFIED:
      return paint('red', '✖');
    case Resolution.UNKNOWN:
      return paint('dim', '·');
  }
}
