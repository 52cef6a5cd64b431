import { printable } from '../output.ts';
import type { GraphEdge, GraphNode, GraphStatus, PlanGraph } from './plan-graph.ts';

const colours: Readonly<Record<GraphStatus, string>> = {
  open: '#ffffff',
  waiting: '#fff8e1',
  running: '#bbdefb',
  succeeded: '#c8e6c9',
  failed: '#ffcdd2',
  cancelled: '#ffe0b2',
  skipped: '#eeeeee',
};

const shapes = { stage: 'box', check: 'ellipse', gate: 'diamond' } as const;

/** The graph in Graphviz' DOT language: `turboci graph … --format dot | dot -Tsvg`. */
export function dot({ nodes, edges }: PlanGraph): string {
  return [
    'digraph plan {',
    '  rankdir=LR;',
    '  node [style=filled];',
    ...nodes.map(nodeLine),
    ...edges.map(edgeLine),
    '}',
  ].join('\n');
}

function nodeLine({ key, type, label, status }: GraphNode): string {
  return `  ${key} [label=${quoted(label)}, shape=${shapes[type]}, fillcolor="${colours[status]}"];`;
}

function edgeLine({ from, to, type, label }: GraphEdge): string {
  const text = type === 'adds' ? 'adds' : label;
  const attributes = [
    ...(text === '' ? [] : [`label=${quoted(text)}`]),
    ...(type === 'needs' ? [] : ['style=dashed']),
    ...(type === 'answers' ? ['arrowhead=odot'] : []),
  ];
  return `  ${from} -> ${to}${attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`};`;
}

/** A DOT string; a backslash would begin an escape such as `\n`. */
function quoted(text: string): string {
  return `"${printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
