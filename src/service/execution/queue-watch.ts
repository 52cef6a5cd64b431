import type { Logger } from '../../domain/logger.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EditEffects } from '../edit/edit-effects.ts';
import type { EffectListener } from '../edit/editor.ts';
import type { BackgroundService } from '../orchestrator.ts';

/** After a failed look at storage, or a failed hand-over, the next try comes after this time. */
const RETRY_MS = 1000;

export type QueueWatchDeps = { readonly storage: Storage; readonly clock: Clock; readonly log: Logger };

/** Is told that a plan has attempts in a queue that may start now; it may have heard so before. */
export type AvailableListener = (queue: string, planId: string) => void;

/**
 * Tells the dispatchers which plans have attempts to start, the moment they may: commits say what became available, a
 * single timer knows when the next backoff ends, a start of the server looks once at everything. Nothing polls.
 */
export class QueueWatch implements BackgroundService, EffectListener {
  readonly #deps: QueueWatchDeps;
  readonly #listener: AvailableListener;
  #isRunning = false;
  /** Backoffs that ended up to this time are known. */
  #seenUntil = 0;
  #armedFor: number | undefined;
  #disarm: CancelTimer = () => {};
  #looking: Promise<void> = Promise.resolve();

  constructor(deps: QueueWatchDeps, listener: AvailableListener) {
    this.#deps = deps;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#look(() => this.#lookAtAll());
    await this.#looking;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#disarm();
    this.#armedFor = undefined;
    await this.#looking;
  }

  effectsDue(planId: string, { ready, backoffEnd }: EditEffects): void {
    if (!this.#isRunning) return;
    if (backoffEnd !== undefined) this.#arm(backoffEnd);
    // A backoff may have ended before the commit, and before a look at the ends of backoffs that did not see it yet.
    if (backoffEnd !== undefined && backoffEnd <= this.#deps.clock.now())
      this.#seenUntil = Math.min(this.#seenUntil, backoffEnd - 1);
    for (const queue of ready) this.#listener(queue, planId);
  }

  /** Tells of the plan again in a while: its attempts could not be handed out now. */
  retryLater(queue: string, planId: string): void {
    const { clock } = this.#deps;
    clock.after(RETRY_MS, () => {
      if (this.#isRunning) this.#listener(queue, planId);
    });
  }

  async #lookAtAll(): Promise<void> {
    const now = this.#deps.clock.now();
    const { plans, next } = await this.#deps.storage.read(async ({ queues }) => ({
      plans: await queues.plansWithAvailable(now),
      next: await queues.nextBackoffEnd(now),
    }));
    this.#seenUntil = now;
    for (const { queue, planId } of plans) this.#listener(queue, planId);
    if (next !== undefined) this.#arm(next);
  }

  async #lookAtBackoffs(): Promise<void> {
    const now = this.#deps.clock.now();
    const since = this.#seenUntil;
    const { plans, next } = await this.#deps.storage.read(async ({ queues }) => ({
      plans: await queues.backoffsEnded(since, now),
      next: await queues.nextBackoffEnd(now),
    }));
    this.#seenUntil = now;
    for (const { queue, planId } of plans) this.#listener(queue, planId);
    if (next !== undefined) this.#arm(next);
  }

  #arm(at: number): void {
    if (!this.#isRunning || (this.#armedFor !== undefined && this.#armedFor <= at)) return;
    this.#disarm();
    this.#armedFor = at;
    this.#disarm = this.#deps.clock.after(at - this.#deps.clock.now(), () => {
      this.#armedFor = undefined;
      this.#look(() => this.#lookAtBackoffs());
    });
  }

  /** Looks behind the look that may be under way; one that fails is made again, at everything. */
  #look(look: () => Promise<void>): void {
    this.#looking = this.#looking.then(async () => {
      if (!this.#isRunning) return;
      try {
        await look();
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'the queues can not be read yet');
        this.#deps.clock.after(RETRY_MS, () => this.#look(() => this.#lookAtAll()));
      }
    });
  }
}
