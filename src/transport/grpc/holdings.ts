/**
 * The bytes that calls hold because their peers send or read slowly, bounded over all connections: when they do not fit,
 * whoever has held longest has to let go, among those that hold at least the mean. A peer that keeps pace holds for
 * moments, and a small message is nobody's trouble, so it is others who pay.
 */
export class Holdings<Holder> {
  readonly #limit: number;
  readonly #letGo: (holder: Holder) => void;
  /** In the order in which they began to hold. */
  readonly #held = new Map<Holder, number>();
  #total = 0;

  /** `letGo` has a holder give up what it holds, which is not counted any more by then. */
  constructor(limitBytes: number, letGo: (holder: Holder) => void) {
    this.#limit = limitBytes;
    this.#letGo = letGo;
  }

  /** A holder holds so many bytes more; answers how many that makes. */
  add(holder: Holder, bytes: number): number {
    const held = (this.#held.get(holder) ?? 0) + bytes;
    this.#held.set(holder, held);
    this.#total += bytes;
    while (this.#total > this.#limit) {
      const oldest = this.#oldestLarge() ?? holder;
      this.release(oldest);
      this.#letGo(oldest);
    }
    return held;
  }

  #oldestLarge(): Holder | undefined {
    const mean = this.#total / this.#held.size;
    for (const [holder, bytes] of this.#held) if (bytes >= mean) return holder;
    return undefined;
  }

  /** Idempotent. */
  release(holder: Holder): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  get bytes(): number {
    return this.#total;
  }
}
