import type { Count } from './options.ts';

/** Counts executions; cheap enough for thousands a second. */
export class Tally {
  #arrivals: number[] = [];
  #running = 0;
  #most = 0;

  begin(): void {
    this.#arrivals.push(performance.timeOrigin + performance.now());
    this.#running += 1;
    this.#most = Math.max(this.#most, this.#running);
  }

  end(): void {
    this.#running -= 1;
  }

  /** Answers the count and starts a new one. */
  take(): Count {
    const count = { arrivals: this.#arrivals, most: this.#most };
    this.#arrivals = [];
    this.#most = this.#running;
    return count;
  }
}
