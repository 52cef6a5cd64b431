/*
 * Section 5 of the semantics by brute force, to hold the service against. It shares no code with src/: groups are judged
 * by recursion over the written tree, from nothing but the outcomes of their targets, anew each time.
 */

export type NodeKind = 'CHECK' | 'STAGE';
/** How a node ends that somebody works on. */
export type Verdict = 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
export type Ending = Verdict | 'SKIPPED';

/** An edge as written: it may stand in its group more than once. */
export type Arrow = {
  readonly kind: NodeKind;
  readonly target: string;
  readonly condition: 'FINAL' | 'SUCCEEDED' | 'FAILED';
};

export type Tree = {
  readonly predicate: 'AND' | 'OR' | 'THRESHOLD';
  readonly threshold: number;
  readonly arrows: readonly Arrow[];
  readonly trees: readonly Tree[];
};

/** A node of a graph, and how it ends once its dependencies let it. */
export type GraphNode = {
  readonly id: string;
  readonly kind: NodeKind;
  readonly dependsOn: Tree | undefined;
  /** Of a stage: what it waits for after its attempt. */
  readonly continuesWith: Tree | undefined;
  readonly verdict: Verdict;
};

export type Standing = 'SATISFIED' | 'UNSATISFIABLE' | 'OPEN';

/** Where a node stands. ENDING = a stage whose attempt has ended, and that waits for its continuation group. */
export type Position = 'PLANNED' | 'RELEASED' | 'ENDING' | Ending;

/** How many members a group has and needs; equal edges are one. */
export function needOf(tree: Tree): { readonly members: number; readonly need: number } {
  const members = distinct(tree.arrows).length + tree.trees.length;
  if (tree.predicate === 'AND') return { members, need: members };
  return { members, need: tree.predicate === 'OR' ? 1 : tree.threshold };
}

/** How a group stands by the outcomes of its targets; a target without one is open. */
export function standing(tree: Tree, endingOf: (target: string) => Ending | undefined): Standing {
  const members = [
    ...distinct(tree.arrows).map((arrow) => arrowStanding(arrow, endingOf(arrow.target))),
    ...tree.trees.map((nested) => standing(nested, endingOf)),
  ];
  const { need } = needOf(tree);
  if (members.length === 0) return 'SATISFIED';
  const satisfied = members.filter((member) => member === 'SATISFIED').length;
  const open = members.filter((member) => member === 'OPEN').length;
  if (satisfied >= need) return 'SATISFIED';
  return satisfied + open < need ? 'UNSATISFIABLE' : 'OPEN';
}

export function arrowStanding({ condition }: Arrow, ending: Ending | undefined): Standing {
  if (ending === undefined) return 'OPEN';
  return condition === 'FINAL' || condition === ending ? 'SATISFIED' : 'UNSATISFIABLE';
}

function distinct(arrows: readonly Arrow[]): readonly Arrow[] {
  return arrows.filter(
    (arrow, at) =>
      arrows.findIndex(
        (other) => other.kind === arrow.kind && other.target === arrow.target && other.condition === arrow.condition,
      ) === at,
  );
}

/** A graph in the making: what its nodes have come to. */
export class Oracle {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #positions = new Map<string, Position>();
  /** Checks that were written and take no part yet: nothing moves them. */
  readonly #asleep = new Set<string>();

  position(id: string): Position | undefined {
    return this.#positions.get(id);
  }

  get positions(): ReadonlyMap<string, Position> {
    return this.#positions;
  }

  /** The outcome of a node that has one. */
  ending(id: string): Ending | undefined {
    const position = this.#positions.get(id);
    return position === 'PLANNED' || position === 'RELEASED' || position === 'ENDING' ? undefined : position;
  }

  /** Nodes are written; those `asleep` (checks in PLANNING) wait for `wake`. */
  add(nodes: readonly GraphNode[], asleep: Iterable<string> = []): void {
    for (const id of asleep) this.#asleep.add(id);
    for (const node of nodes) {
      this.#nodes.set(node.id, node);
      this.#positions.set(node.id, 'PLANNED');
    }
    this.#settle();
  }

  wake(ids: readonly string[]): void {
    for (const id of ids) this.#asleep.delete(id);
    this.#settle();
  }

  /** Somebody ends these nodes, released or not, all at once. */
  end(endings: ReadonlyMap<string, Ending>): void {
    for (const [id, ending] of endings) {
      const isReleased = this.#positions.get(id) === 'RELEASED';
      const waits = isReleased && ending !== 'CANCELLED' && this.#nodes.get(id)?.continuesWith !== undefined;
      this.#positions.set(id, waits ? 'ENDING' : ending);
    }
    this.#settle();
  }

  /** Judges every node again until none moves. */
  #settle(): void {
    const endingOf = (target: string) => this.ending(target);
    for (let moved = true; moved; ) {
      moved = false;
      for (const node of this.#nodes.values()) {
        const before = this.#positions.get(node.id);
        const after = this.#judge(node, before, endingOf);
        if (after === before || after === undefined) continue;
        this.#positions.set(node.id, after);
        moved = true;
      }
    }
  }

  #judge(node: GraphNode, position: Position | undefined, endingOf: (target: string) => Ending | undefined) {
    if (position === 'ENDING') {
      const isOpen = node.continuesWith !== undefined && standing(node.continuesWith, endingOf) === 'OPEN';
      return isOpen ? position : node.verdict;
    }
    if (position !== 'PLANNED' || this.#asleep.has(node.id)) return position;
    const stands = node.dependsOn === undefined ? 'SATISFIED' : standing(node.dependsOn, endingOf);
    if (stands === 'OPEN') return position;
    return stands === 'SATISFIED' ? 'RELEASED' : 'SKIPPED';
  }
}
