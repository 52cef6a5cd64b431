import type { Arrow, GraphNode, NodeKind, Tree, Verdict } from './oracle.ts';

export type Form = Pick<Tree, 'predicate' | 'threshold'>;

/** What a node of a graph may be. */
export type Menu = {
  readonly roles: readonly { readonly kind: NodeKind; readonly verdict: Verdict }[];
  readonly conditions: readonly Arrow['condition'][];
  /** Predicates of a group of so many edges. */
  readonly forms: (members: number) => readonly Form[];
};

/** The first nodes of a graph, in topological order. Graphs that begin alike share them. */
export type Path = readonly GraphNode[];

/**
 * Every graph of `size` nodes that the menu allows: each node waits for any subset of the nodes before it, under every
 * combination of conditions and every predicate.
 */
export function allPaths(size: number, menu: Menu): readonly Path[] {
  let paths: readonly Path[] = [[]];
  for (let length = 0; length < size; length++) {
    paths = paths.flatMap((path, at) => nextNodes(path, menu, `${length}-${at}`).map((node) => [...path, node]));
  }
  return paths;
}

/** Every node that may follow the path. With `afterLast` only those that wait for its last node. */
export function nextNodes(path: Path, menu: Menu, id: string, afterLast = false): readonly GraphNode[] {
  const groups = subsets(path)
    .filter((targets) => !afterLast || targets.at(-1) === path.at(-1))
    .flatMap((targets) => groupsOver(targets, menu));
  const nodes = menu.roles.flatMap((role) => groups.map((dependsOn) => ({ ...role, dependsOn })));
  return nodes.map((node, at) => ({ ...node, id: `${id}-${at}`, continuesWith: undefined }));
}

function groupsOver(targets: Path, { conditions, forms }: Menu): readonly (Tree | undefined)[] {
  if (targets.length === 0) return [undefined];
  return arrowsTo(targets, conditions).flatMap((arrows) =>
    forms(arrows.length).map((form): Tree => ({ ...form, arrows, trees: [] })),
  );
}

function subsets<T>(list: readonly T[]): readonly (readonly T[])[] {
  const [first, ...others] = list;
  if (first === undefined) return [[]];
  return subsets(others).flatMap((subset) => [subset, [first, ...subset]]);
}

function arrowsTo(targets: Path, conditions: Menu['conditions']): readonly (readonly Arrow[])[] {
  const [first, ...others] = targets;
  if (first === undefined) return [[]];
  const { kind, id: target } = first;
  return conditions.flatMap((condition) => {
    const arrow: Arrow = { kind, target, condition };
    return arrowsTo(others, conditions).map((arrows) => [arrow, ...arrows]);
  });
}

/** AND, OR, and every threshold. */
export function everyForm(members: number): readonly Form[] {
  const thresholds = Array.from({ length: members }, (_, at): Form => ({ predicate: 'THRESHOLD', threshold: at + 1 }));
  return [{ predicate: 'AND', threshold: 0 }, { predicate: 'OR', threshold: 0 }, ...thresholds];
}

/** One form for each number of members that a group may need: AND for all of them, OR for one, THRESHOLD between. */
export function everyNeed(members: number): readonly Form[] {
  return Array.from({ length: members }, (_, at): Form => {
    if (at + 1 === members) return { predicate: 'AND', threshold: 0 };
    return at === 0 ? { predicate: 'OR', threshold: 0 } : { predicate: 'THRESHOLD', threshold: at + 1 };
  });
}

/** Places in a path in the order in which their nodes end as soon as they may; those of one class end together. */
export type WeakOrder = readonly (readonly number[])[];

/** All orders of the first `count` places, with every way to put some of them into one class. */
export function weakOrders(count: number): readonly WeakOrder[] {
  let orders: readonly WeakOrder[] = [[]];
  for (let place = 0; place < count; place++) {
    orders = orders.flatMap((order) => [
      ...Array.from({ length: order.length + 1 }, (_, at) => order.toSpliced(at, 0, [place])),
      ...order.map((together, at) => order.with(at, [...together, place])),
    ]);
  }
  return orders;
}
