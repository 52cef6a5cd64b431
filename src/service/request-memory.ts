import type { Logger } from '../domain/logger.ts';
import type { CancelTimer, Clock } from '../domain/ports.ts';
import type { Storage } from '../storage/storage.ts';
import { REQUEST_MEMORY_MS } from './idempotency.ts';
import type { BackgroundService } from './orchestrator.ts';

const FIRST_SWEEP_MS = 30 * 1000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;
const BATCH = 500;

export type RequestMemoryDeps = { readonly storage: Storage; readonly clock: Clock; readonly log: Logger };

/** Forgets request ids that are older than their retention, in small batches. */
export class RequestMemory implements BackgroundService {
  readonly #deps: RequestMemoryDeps;
  #isRunning = false;
  #cancel: CancelTimer = () => {};
  #sweep: Promise<void> = Promise.resolve();

  constructor(deps: RequestMemoryDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#arm(FIRST_SWEEP_MS);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancel();
    await this.#sweep;
  }

  /** Deletes what has expired at `now`; answers how many requests were forgotten. */
  async runOnce(now: number): Promise<number> {
    let forgotten = 0;
    for (;;) {
      const count = await this.#deps.storage.write((uow) => uow.requests.forget(now - REQUEST_MEMORY_MS, BATCH));
      forgotten += count;
      if (count < BATCH || !this.#isRunning) return forgotten;
    }
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#deps.clock.after(delayMs, () => {
      this.#sweep = this.#runAndArm();
    });
  }

  async #runAndArm(): Promise<void> {
    try {
      await this.runOnce(this.#deps.clock.now());
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'expired request ids can not be deleted yet');
    }
    if (this.#isRunning) this.#arm(SWEEP_EVERY_MS);
  }
}
