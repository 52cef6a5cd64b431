import type { Clock } from '../../domain/ports.ts';

/** Who holds for longer does not keep pace: it sends or reads slowly, or not at all. */
const SLOW_MS = 1000;

/**
 * The bytes that calls hold for their peers, bounded over all connections: when they do not fit, the calls let go that
 * have held longest, of those that have held for a second. Who keeps pace holds for moments and is left alone, so that
 * beyond the limit there may be what comes in, or is made, in a second.
 */
export class Holdings<Holder> {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #letGo: (holder: Holder) => void;
  /** In the order in which they began to hold. */
  readonly #held = new Map<Holder, { bytes: number; readonly since: number }>();
  #total = 0;

  /** `letGo` has a holder give up what it holds, which is not counted any more by then. */
  constructor(limitBytes: number, clock: Clock, letGo: (holder: Holder) => void) {
    this.#limit = limitBytes;
    this.#clock = clock;
    this.#letGo = letGo;
  }

  /** A holder holds so many bytes more; answers how many that makes. */
  add(holder: Holder, bytes: number): number {
    const now = this.#clock.now();
    const held = this.#held.get(holder) ?? { bytes: 0, since: now };
    held.bytes += bytes;
    this.#held.set(holder, held);
    this.#total += bytes;
    if (this.#total > this.#limit) this.#makeRoom(now);
    return held.bytes;
  }

  #makeRoom(now: number): void {
    for (const [holder, { since }] of this.#held) {
      if (this.#total <= this.#limit || now - since < SLOW_MS) return;
      this.release(holder);
      this.#letGo(holder);
    }
  }

  /** Idempotent. */
  release(holder: Holder): void {
    this.#total -= this.#held.get(holder)?.bytes ?? 0;
    this.#held.delete(holder);
  }

  get bytes(): number {
    return this.#total;
  }
}
