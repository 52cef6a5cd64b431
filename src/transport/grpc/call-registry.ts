import type { OpenCall } from './open-call.ts';

/** The calls that are open: what a drain has to end or to wait for. */
export class CallRegistry {
  readonly #calls = new Set<OpenCall>();
  readonly #waiting = new Set<() => void>();

  add(open: OpenCall): void {
    this.#calls.add(open);
  }

  delete(open: OpenCall): void {
    this.#calls.delete(open);
    for (const check of this.#waiting) check();
  }

  get all(): readonly OpenCall[] {
    return [...this.#calls];
  }

  /** Resolves when no open call is one of those. */
  async none(matching: (open: OpenCall) => boolean): Promise<void> {
    if (!this.all.some(matching)) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.all.some(matching)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }
}
