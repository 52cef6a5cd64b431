/** Lets asynchronous work on one connection run one piece at a time, in the order in which it was handed in. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Runs `work` after all earlier work has settled. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.then(ignore, ignore);
    return turn;
  }

  /** Resolves when all work handed in so far has settled. */
  settled(): Promise<void> {
    return this.#last;
  }
}

function ignore(): void {}
