import type { Dice } from '../fault/dice.ts';
import { type Ending, type GraphNode, Oracle, type Verdict } from './oracle.ts';
import { type RandomGraph, shuffled } from './random-graph.ts';

/** One write: new nodes, or checks to wake, or nodes to end. */
export type Move =
  | { readonly type: 'ADD'; readonly nodes: readonly GraphNode[] }
  | { readonly type: 'WAKE'; readonly ids: readonly string[] }
  | { readonly type: 'END'; readonly endings: ReadonlyMap<string, Ending> };

/** The course of one graph: what comes next is drawn, and the oracle knows what it comes to. */
export class RandomPlay {
  readonly #dice: Dice;
  readonly #graph: RandomGraph;
  readonly oracle = new Oracle();
  #written = 0;
  readonly #early: [string, Ending][];
  readonly #asleep = new Set<string>();
  readonly #verdicts: ReadonlyMap<string, Verdict>;

  constructor(dice: Dice, graph: RandomGraph) {
    this.#dice = dice;
    this.#graph = graph;
    this.#early = [...graph.early];
    this.#verdicts = new Map(graph.writes.flat().map(({ id, verdict }) => [id, verdict]));
  }

  /** The next write; undefined once every node has ended. */
  next(): Move | undefined {
    if (this.#written === 0) return this.#add();
    const early = this.#nextEarly();
    if (early !== undefined) return this.#end(early);
    const choices = [
      ...(this.#written < this.#graph.writes.length ? [() => this.#add()] : []),
      ...(this.#asleep.size > 0 ? [() => this.#wake()] : []),
      ...this.#released().map((id) => () => this.#endSome(id)),
    ];
    return choices.length === 0 ? undefined : this.#dice.pick(choices)();
  }

  #add(): Move {
    const nodes = this.#graph.writes[this.#written] ?? [];
    const asleep = nodes.map(({ id }) => id).filter((id) => this.#graph.asleep.has(id));
    for (const id of asleep) this.#asleep.add(id);
    this.#written += 1;
    this.oracle.add(nodes, asleep);
    return { type: 'ADD', nodes };
  }

  /** One by one and always in the same order, since what ends early may depend on what else did. */
  #nextEarly(): ReadonlyMap<string, Ending> | undefined {
    const next = this.#early.shift();
    if (next === undefined) return undefined;
    const [id, ending] = next;
    if (this.oracle.ending(id) !== undefined) return this.#nextEarly();
    // One that has been released by now ends as it would later.
    return new Map([[id, this.#isReleased(id) ? this.#verdict(id) : ending]]);
  }

  #wake(): Move {
    const ids = shuffled(this.#dice, [...this.#asleep]).slice(0, 1 + this.#dice.below(3));
    for (const id of ids) this.#asleep.delete(id);
    this.oracle.wake(ids);
    return { type: 'WAKE', ids };
  }

  #isReleased(id: string): boolean {
    return this.oracle.position(id) === 'RELEASED';
  }

  #verdict(id: string): Verdict {
    return this.#verdicts.get(id) ?? 'SUCCEEDED';
  }

  /** Ends a node, sometimes others in the same write. */
  #endSome(id: string): Move {
    const others = this.#released().filter(() => this.#dice.chance(0.15));
    const ids = shuffled(this.#dice, [...new Set([id, ...others])]);
    return this.#end(new Map(ids.map((each) => [each, this.#verdict(each)])));
  }

  #released(): readonly string[] {
    return [...this.oracle.positions.keys()].filter((id) => this.#isReleased(id));
  }

  #end(endings: ReadonlyMap<string, Ending>): Move {
    this.oracle.end(endings);
    return { type: 'END', endings };
  }
}
