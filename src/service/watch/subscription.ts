import { AppError } from '../../domain/error.ts';
import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import type { EventCursor } from '../../storage/event-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import type { WatchItem, WatchSubscription } from '../orchestrator.ts';
import type { FeedFollower, PlanFeed } from './plan-feeds.ts';

/** Events read from storage at a time while a watcher is behind the feed's buffer. */
const PAGE = 200;

/** A consumer that takes nothing for this long while its backlog is over the limit is cut. */
const STALL_MS = 1000;

export type SubscriptionInit = {
  readonly planId: string;
  readonly storage: Storage;
  readonly clock: Clock;
  /** Events that may wait while the consumer takes none. */
  readonly backlog: number;
  readonly filter: (event: PlanHistoryEvent) => boolean;
  /** The event as the watcher's view shows it. */
  readonly view: (event: PlanHistoryEvent) => PlanHistoryEvent;
  readonly endOnCompletion: boolean;
  readonly onEnd: () => void;
};

/**
 * One watcher. Catch-up and live are one loop over a cursor: the next events come from the feed's shared buffer if it
 * reaches back to the cursor, else from storage. So there is no seam, and a watcher holds no events of its own: what
 * bounds it is how long it takes nothing while events pile up.
 */
export class Subscription implements WatchSubscription, FeedFollower {
  readonly #init: SubscriptionInit;
  readonly #cut = new AbortController();
  #feed: PlanFeed | undefined;
  /** The plan's revision when the watcher came. */
  #version = 0;
  #cursor: EventCursor = { revision: 0, seq: 0 };
  #first: WatchItem | undefined;
  #wake: () => void = () => {};
  #isSignalled = false;
  /** Items handed out so far; an item is handed out until the next one is asked for. */
  #taken = 0;
  #isBusy = false;
  /** The last events came from the feed: nothing older waits in storage. */
  #isLive = true;
  /** Events for this watcher that were committed while the consumer is busy with one item. */
  #waiting = 0;
  #stopStallTimer: CancelTimer | undefined;

  constructor(init: SubscriptionInit) {
    this.#init = init;
  }

  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  /** Places the watcher of a plan at `version`: it sees every event after `cursor`, after `first` if there is one. */
  start(feed: PlanFeed, version: number, cursor: EventCursor, first: WatchItem | undefined): void {
    this.#feed = feed;
    this.#version = version;
    this.#cursor = cursor;
    this.#first = first;
    this.#isLive = cursor.revision >= version;
  }

  committed(events: readonly PlanHistoryEvent[]): void {
    this.#isSignalled = true;
    this.#wake();
    // While it catches up, what is committed waits in storage; a slow consumer costs nothing then.
    if (!this.#isBusy || !this.#isLive) return;
    this.#waiting += events.filter(this.#init.filter).length;
    if (this.#waiting > this.#init.backlog && this.#stopStallTimer === undefined) this.#suspect(this.#taken);
  }

  /** Ends the watcher with this error, whether it is asking for items or not. */
  end(error: AppError): void {
    this.#cut.abort(error);
    this.#wake();
    this.close();
  }

  #suspect(taken: number): void {
    this.#stopStallTimer = this.#init.clock.after(STALL_MS, () => {
      this.#stopStallTimer = undefined;
      if (!this.#isBusy || this.#taken !== taken) return;
      const message = `the watcher took no event while ${this.#waiting} more were committed; resume with since_revision`;
      this.end(
        new AppError('WATCHER_TOO_SLOW', message, {
          metadata: { work_plan_id: this.#init.planId, last_revision: String(this.#cursor.revision) },
        }),
      );
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchItem> {
    try {
      if (this.#first !== undefined) {
        yield* this.#hand(this.#first);
        if (this.#init.endOnCompletion) return;
      }
      for (;;) {
        for (const event of await this.#next()) {
          this.#cursor = { revision: event.revision, seq: event.seq };
          if (this.#init.filter(event)) yield* this.#hand(this.#item(event));
          const completed = completionItem(event);
          if (completed === undefined) continue;
          yield* this.#hand(completed);
          if (this.#init.endOnCompletion) return;
        }
      }
    } finally {
      this.close();
    }
  }

  #item(event: PlanHistoryEvent): WatchItem {
    return { type: 'EVENT', planId: this.#init.planId, event: this.#init.view(event) };
  }

  /** Leaves the feed; idempotent. */
  close(): void {
    this.#stopStallTimer?.();
    this.#init.onEnd();
  }

  *#hand(item: WatchItem): Generator<WatchItem> {
    this.cut.throwIfAborted();
    this.#taken += 1;
    this.#waiting = 0;
    this.#isBusy = true;
    yield item;
    this.#isBusy = false;
    this.cut.throwIfAborted();
  }

  /** The events after the cursor; waits until there is one. */
  async #next(): Promise<readonly PlanHistoryEvent[]> {
    for (;;) {
      this.cut.throwIfAborted();
      this.#isSignalled = false;
      const recent = this.#feed?.after(this.#cursor);
      const events = recent ?? (await this.#page());
      this.#isLive = recent !== undefined || this.#reachesHead(events.at(-1));
      if (events.length > 0) return events;
      await this.#signal();
    }
  }

  #reachesHead(last: PlanHistoryEvent | undefined): boolean {
    const head = Math.max(this.#version, this.#feed?.headRevision ?? 0);
    return last === undefined || last.revision >= head;
  }

  #page(): Promise<readonly PlanHistoryEvent[]> {
    return this.#init.storage.read((snapshot) => snapshot.events.list(this.#init.planId, this.#cursor, PAGE));
  }

  #signal(): Promise<void> {
    if (this.#isSignalled || this.cut.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** What a plan's event says about completion. */
export function completionItem(event: PlanHistoryEvent): WatchItem | undefined {
  if (event.type !== 'PLAN' || event.change.completed === undefined) return undefined;
  const { checks, stages, hasFailures } = event.change.completed;
  return { type: 'COMPLETED', at: event.at, revision: event.revision, checks, stages, hasFailures };
}
