import type { Dice } from '../fault/dice.ts';
import type { Arrow, Ending, GraphNode, NodeKind, Tree } from './oracle.ts';
import { needOf } from './oracle.ts';

const MOST_NODES = 30;
const MOST_WRITES = 4;

/** A graph as it is written, and what becomes of its nodes out of their turn. */
export type RandomGraph = {
  /** Each write may name nodes of the writes before it, and of itself in any order. */
  readonly writes: readonly (readonly GraphNode[])[];
  /** Checks that are written as PLANNING and take part only once they are woken. */
  readonly asleep: ReadonlySet<string>;
  /** Nodes of the first write that end right after it, whatever they wait for. */
  readonly early: ReadonlyMap<string, Ending>;
};

/** A graph of 2 to 30 nodes, small ones more often, whose ids begin with `prefix`. */
export function randomGraph(dice: Dice, prefix: string): RandomGraph {
  const size = 2 + Math.min(dice.below(MOST_NODES - 1), dice.below(MOST_NODES - 1));
  const nodes: GraphNode[] = [];
  while (nodes.length < size) nodes.push(randomNode(dice, `${prefix}.${nodes.length}`, nodes));
  const writes = inWrites(dice, nodes);
  const checks = nodes.filter(({ kind }) => kind === 'CHECK');
  const asleep = new Set(checks.filter(() => dice.chance(0.15)).map(({ id }) => id));
  const first = (writes[0] ?? []).filter(({ id }) => !asleep.has(id));
  const early = new Map(first.filter(() => dice.chance(0.05)).map(({ id, kind }) => [id, earlyEnding(dice, kind)]));
  return { writes, asleep, early };
}

function randomNode(dice: Dice, id: string, earlier: readonly GraphNode[]): GraphNode {
  const kind = dice.pick(['CHECK', 'STAGE'] as const);
  const some = (share: number) => (earlier.length > 0 && dice.chance(share) ? randomTree(dice, earlier, 3) : undefined);
  return {
    id,
    kind,
    dependsOn: some(0.8),
    continuesWith: kind === 'STAGE' ? some(0.2) : undefined,
    verdict: dice.pick(kind === 'CHECK' ? ['SUCCEEDED', 'FAILED'] : ['SUCCEEDED', 'SUCCEEDED', 'FAILED', 'CANCELLED']),
  };
}

/** Edges, some of them twice, and groups, `depth` of them in one another at most. */
function randomTree(dice: Dice, targets: readonly GraphNode[], depth: number): Tree {
  const near = dice.chance(0.5) ? targets.slice(-4) : targets;
  const arrows = Array.from({ length: dice.below(4) }, () => randomArrow(dice, near));
  if (arrows.length > 0 && dice.chance(0.3)) arrows.push(dice.pick(arrows));
  const trees = depth === 0 ? [] : Array.from({ length: dice.below(3) }, () => randomTree(dice, targets, depth - 1));
  if (arrows.length + trees.length === 0) arrows.push(randomArrow(dice, near));
  const predicate = dice.pick(['AND', 'OR', 'THRESHOLD'] as const);
  const tree: Tree = { predicate, threshold: 0, arrows, trees };
  return predicate === 'THRESHOLD' ? { ...tree, threshold: 1 + dice.below(needOf(tree).members) } : tree;
}

function randomArrow(dice: Dice, targets: readonly GraphNode[]): Arrow {
  const { id: target, kind } = dice.pick(targets);
  return { target, kind, condition: dice.pick(['FINAL', 'SUCCEEDED', 'SUCCEEDED', 'FAILED']) };
}

function inWrites(dice: Dice, nodes: readonly GraphNode[]): readonly (readonly GraphNode[])[] {
  const cuts = new Set(Array.from({ length: dice.below(MOST_WRITES) }, () => 1 + dice.below(nodes.length)));
  const bounds = [0, ...[...cuts].sort((a, b) => a - b), nodes.length];
  return bounds
    .map((from, at) => shuffled(dice, nodes.slice(from, bounds[at + 1] ?? from)))
    .filter((write) => write.length > 0);
}

function earlyEnding(dice: Dice, kind: NodeKind): Ending {
  return dice.pick<Ending>(kind === 'CHECK' ? ['SUCCEEDED', 'FAILED'] : ['SKIPPED', 'CANCELLED']);
}

export function shuffled<T>(dice: Dice, list: readonly T[]): readonly T[] {
  return list
    .map((item) => ({ item, at: dice.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
