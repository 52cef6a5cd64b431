import type { CancelTimer, Clock } from '../../domain/ports.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

/**
 * Keeps the server from pushing to a runner that takes nothing: for a second at first, twice as long each time up to a
 * minute. At the end of each time the runner is asked whether it is there. A call that is delivered starts over.
 */
export class Suspension {
  readonly #clock: Clock;
  readonly #ping: () => Promise<boolean>;
  readonly #onEnd: () => void;
  #nextMs = FIRST_MS;
  #isActive = false;
  #cancel: CancelTimer = () => {};

  /** `onEnd` is called when a suspension has ended by an answered ping. */
  constructor(clock: Clock, ping: () => Promise<boolean>, onEnd: () => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#onEnd = onEnd;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** A call could not be delivered. */
  begin(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#wait();
  }

  /** A call was delivered. */
  reset(): void {
    if (!this.#isActive) this.#nextMs = FIRST_MS;
  }

  /** The runner is forgotten, or serves somewhere else. */
  close(): void {
    this.#cancel();
    this.#isActive = false;
  }

  #wait(): void {
    const delay = this.#nextMs;
    this.#nextMs = Math.min(delay * 2, LONGEST_MS);
    this.#cancel = this.#clock.after(delay, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const isThere = await this.#ping();
    if (!this.#isActive) return;
    if (!isThere) {
      this.#wait();
      return;
    }
    this.#isActive = false;
    this.#onEnd();
  }
}
