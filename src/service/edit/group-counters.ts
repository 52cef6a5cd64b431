import type { Resolution } from '../../domain/dependency/group.ts';
import { type GroupTally, resolve, withMember } from '../../domain/dependency/tally.ts';
import { invariant } from '../../domain/error.ts';
import { nodeKey } from '../../domain/node.ts';
import type { DependencyRepository, GroupOwner, ResolvedEdge } from '../../storage/dependency-repository.ts';

type Counter = { readonly owner: GroupOwner; readonly index: number; readonly parent: number; tally: GroupTally };

/** The counters of dependency groups that one edit touches: each read once, counted in memory, stored once. */
export class GroupCounters {
  readonly #dependencies: DependencyRepository;
  readonly #planId: string;
  readonly #counters = new Map<string, Counter>();

  constructor(dependencies: DependencyRepository, planId: string) {
    this.#dependencies = dependencies;
    this.#planId = planId;
  }

  /** Counts a resolved edge into its group and, as groups resolve, into theirs; answers how the root now resolved. */
  async count(edge: ResolvedEdge): Promise<Resolution | undefined> {
    const owner: GroupOwner = { planId: this.#planId, source: edge.source, purpose: edge.purpose };
    let { resolution } = edge;
    for (let index = edge.group; ; ) {
      const counter = await this.#counter(owner, index);
      const before = resolve(counter.tally);
      counter.tally = withMember(counter.tally, resolution);
      const after = resolve(counter.tally);
      if (before !== undefined || after === undefined) return undefined;
      if (counter.parent < 0) return after;
      resolution = after;
      index = counter.parent;
    }
  }

  async #counter(owner: GroupOwner, index: number): Promise<Counter> {
    const key = `${owner.purpose}:${index}:${nodeKey(owner.source)}`;
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    const stored = await this.#dependencies.group(owner, index);
    invariant(stored, `group ${index} of ${nodeKey(owner.source)} is missing`);
    const counter = { owner, index, parent: stored.parent, tally: stored.tally };
    this.#counters.set(key, counter);
    return counter;
  }

  async save(): Promise<void> {
    for (const { owner, index, tally } of this.#counters.values()) {
      await this.#dependencies.updateTally(owner, index, tally);
    }
    this.#counters.clear();
  }
}
