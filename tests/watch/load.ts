import { CheckState } from '../../gen/turboci/v1/common_pb.js';
import { Batch } from '../fault/crash/batch.ts';
import type { Dice } from '../fault/dice.ts';
import { type TestClient, turboci } from '../support/client.ts';

/** More than the server reads of a history at a time, and than it keeps of the newest events. */
const LARGE_WRITES = [250, 1100];

/** A plan that a test writes to, and what it knows of it. */
export class LoadedPlan {
  readonly id: string;
  /** The newest revision that was acknowledged. */
  revision = 1;
  /** Nodes that were written, as watchers may filter by them. */
  readonly checkIds: string[] = [];

  constructor(id: string) {
    this.id = id;
  }
}

/** Writes to one plan, one write after the other, and outlives the server: what a kill cut is not tried again. */
export class Author {
  readonly #plan: LoadedPlan;
  readonly #name: string;
  readonly #dice: Dice;
  readonly #isLasting: boolean;
  #batch: Batch | undefined;
  #batchId = '';
  #open: string | undefined;
  #count = 0;

  /** A lasting plan is open until the end; another one comes to its end again and again. */
  constructor(plan: LoadedPlan, name: string, dice: Dice, isLasting: boolean) {
    this.#plan = plan;
    this.#name = name;
    this.#dice = dice;
    this.#isLasting = isLasting;
  }

  /** One more write; rejects when the server did. */
  async write(client: TestClient): Promise<void> {
    this.#count += 1;
    const nodes = this.#nodes();
    try {
      const { revision } = await turboci(client).writeNodes({ workPlanId: this.#plan.id, ...nodes });
      this.#plan.revision = Math.max(this.#plan.revision, Number(revision));
    } catch (error) {
      this.#batch = undefined;
      this.#open = undefined;
      throw error;
    }
  }

  #nodes() {
    const dice = this.#dice;
    if (dice.chance(0.005)) return this.#many(dice.pick(LARGE_WRITES));
    return this.#isLasting ? this.#story() : this.#pulse();
  }

  /** New nodes, attempts that fail and are repeated, results, ends; some of it by the server. */
  #story() {
    if (this.#batch === undefined || this.#batch.isDone) {
      this.#batchId = `${this.#name}-${this.#count}`;
      this.#batch = new Batch(this.#plan.id, this.#batchId, undefined);
      this.#plan.checkIds.push(`${this.#batchId}.built`);
    } else if (this.#dice.chance(0.1)) {
      return { stages: [{ id: `${this.#batchId}.test`, cancel: true }] };
    }
    return this.#batch.next(this.#dice).nodes;
  }

  /** A check that is opened and ends with the next write, or one that is FINAL from the beginning. */
  #pulse() {
    const id = this.#open ?? `${this.#name}-${this.#count}`;
    const isEnd = this.#open !== undefined || this.#dice.chance(0.3);
    if (this.#open === undefined) this.#plan.checkIds.push(id);
    this.#open = isEnd ? undefined : id;
    const failure = isEnd && this.#dice.chance(0.05) ? { message: 'no' } : undefined;
    const result = { ownerType: 'test', ownerId: 'load', data: { at: this.#count }, ...(failure && { failure }) };
    return { checks: [isEnd ? { id, state: CheckState.FINAL, result } : { id, state: CheckState.PLANNED }] };
  }

  #many(count: number) {
    const ids = Array.from({ length: count }, (_, at) => `${this.#name}-${this.#count}.${at}`);
    return { checks: ids.map((id) => ({ id, state: CheckState.FINAL })) };
  }
}
