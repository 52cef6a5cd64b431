import type { GraphEdge, GraphNode, GraphStatus, PlanGraph } from './plan-graph.ts';

const classes: Readonly<Record<GraphStatus, string | undefined>> = {
  open: undefined,
  waiting: 'fill:#fff8e1,stroke:#b8860b,color:#333',
  running: 'fill:#e3f2fd,stroke:#1565c0,color:#333',
  succeeded: 'fill:#e8f5e9,stroke:#2e7d32,color:#333',
  failed: 'fill:#ffebee,stroke:#c62828,color:#333',
  cancelled: 'fill:#fff3e0,stroke:#e65100,color:#333',
  skipped: 'fill:#f5f5f5,stroke:#9e9e9e,color:#777,stroke-dasharray:4',
};

/** The graph as a Mermaid flowchart: stages are boxes, checks rounded, gates diamonds. */
export function mermaid({ nodes, edges }: PlanGraph): string {
  const used = new Set(nodes.map(({ status }) => status));
  const definitions = Object.entries(classes).flatMap(([status, style]) =>
    style !== undefined && [...used].some((one) => one === status) ? [`  classDef ${status} ${style}`] : [],
  );
  return ['flowchart LR', ...nodes.map(nodeLine), ...edges.map(edgeLine), ...definitions].join('\n');
}

function nodeLine({ key, type, label, status }: GraphNode): string {
  const suffix = classes[status] === undefined ? '' : `:::${status}`;
  const text = `"${escaped(label)}"`;
  switch (type) {
    case 'stage':
      return `  ${key}[${text}]${suffix}`;
    case 'check':
      return `  ${key}([${text}])${suffix}`;
    case 'gate':
      return `  ${key}{${text}}${suffix}`;
  }
}

function edgeLine({ from, to, type, label }: GraphEdge): string {
  switch (type) {
    case 'needs':
      return `  ${from} -->${label === '' ? '' : `|${label}|`} ${to}`;
    case 'answers':
      return `  ${from} -.-o ${to}`;
    case 'adds':
      return `  ${from} -. adds .-> ${to}`;
  }
}

/** Mermaid's entities: `#` and the number of a character. */
function escaped(label: string): string {
  return label.replaceAll(/["#<>&`\\\p{Cc}\p{Cf}]/gu, (char) => `#${char.codePointAt(0) ?? 63};`);
}
