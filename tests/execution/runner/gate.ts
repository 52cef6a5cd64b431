/** Where the work of stages waits until the test releases it. */
export class Gate {
  readonly #open = new Set<string>();
  readonly #waiting = new Set<{ readonly stage: string; readonly go: () => void }>();

  /** Lets the work of a stage go on, now and later; empty = of all stages. */
  release(stage: string): void {
    this.#open.add(stage);
    for (const waiter of this.#waiting) if (this.#isOpen(waiter.stage)) waiter.go();
  }

  /** Resolves when the stage is released or the signal aborts. */
  pass(stage: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isOpen(stage)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = { stage, go: () => done() };
      const done = (): void => {
        this.#waiting.delete(waiter);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', done);
    });
  }

  #isOpen(stage: string): boolean {
    return this.#open.has('') || this.#open.has(stage);
  }
}
