/** Plans that have work, taken in turn: a plan goes to the back after each piece, so that a huge one starves nobody. */
export class ReadyRing {
  readonly #plans = new Set<string>();

  get size(): number {
    return this.#plans.size;
  }

  /** Adds a plan at the back; one that waits already keeps its place. */
  add(planId: string): void {
    this.#plans.add(planId);
  }

  /** Takes the plan at the front out of the ring. */
  take(): string | undefined {
    const [first] = this.#plans;
    if (first !== undefined) this.#plans.delete(first);
    return first;
  }
}
