import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { EventCursor } from '../../storage/event-repository.ts';
import type { ChangeListener } from '../edit/editor.ts';

/** What a feed keeps of the committed events; whoever is further behind reads from storage. */
const RECENT_EVENTS = 1024;
const RECENT_CHARACTERS = 1024 * 1024;

/** Who wants to hear of a plan's commits. Called synchronously, must not throw. */
export interface FeedFollower {
  /** These events were committed, all of one revision. */
  committed(events: readonly PlanHistoryEvent[]): void;
}

/** One watched plan: its followers, and the newest events, shared by all of them. */
export class PlanFeed {
  readonly followers = new Set<FeedFollower>();
  #recent: PlanHistoryEvent[] = [];
  #sizes: number[] = [];
  #characters = 0;
  #headRevision = 0;

  /** The newest revision that was published here; 0 = none yet. */
  get headRevision(): number {
    return this.#headRevision;
  }

  /** Takes the events of a commit, each with its size in characters. */
  publish(events: readonly PlanHistoryEvent[], sizes: readonly number[]): void {
    for (const [index, event] of events.entries()) this.#keep(event, sizes[index] ?? 0);
    this.#headRevision = events.at(-1)?.revision ?? this.#headRevision;
    for (const follower of this.followers) follower.committed(events);
  }

  /** Keeps the newest events, without a gap; one that is too large by itself empties the buffer. */
  #keep(event: PlanHistoryEvent, size: number): void {
    this.#recent.push(event);
    this.#sizes.push(size);
    this.#characters += size;
    // Half of it goes at a time, so that a full buffer does not move all of its events with each new one.
    if (this.#recent.length <= RECENT_EVENTS && this.#characters <= RECENT_CHARACTERS) return;
    this.#drop(Math.ceil(this.#recent.length / 2));
    while (this.#characters > RECENT_CHARACTERS) this.#drop(1);
  }

  #drop(count: number): void {
    this.#recent.splice(0, count);
    for (const size of this.#sizes.splice(0, count)) this.#characters -= size;
  }

  /**
   * The events after a position, if the buffer reaches back that far; undefined = ask storage. An empty buffer knows
   * nothing.
   */
  after(cursor: EventCursor): readonly PlanHistoryEvent[] | undefined {
    const [oldest] = this.#recent;
    if (oldest === undefined || comesAfter(oldest, cursor)) return undefined;
    return this.#recent.slice(this.#firstAfter(cursor));
  }

  #firstAfter(cursor: EventCursor): number {
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#recent[middle];
      if (event !== undefined && comesAfter(event, cursor)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function comesAfter(event: PlanHistoryEvent, cursor: EventCursor): boolean {
  return event.revision > cursor.revision || (event.revision === cursor.revision && event.seq > cursor.seq);
}

/** The feeds of the plans that somebody follows; a plan without followers costs nothing. */
export class PlanFeeds implements ChangeListener {
  readonly #feeds = new Map<string, PlanFeed>();

  /** Joins a plan's feed; the follower hears of every commit from now on. */
  join(planId: string, follower: FeedFollower): PlanFeed {
    const feed = this.#feeds.get(planId) ?? new PlanFeed();
    this.#feeds.set(planId, feed);
    feed.followers.add(follower);
    return feed;
  }

  leave(planId: string, follower: FeedFollower): void {
    const feed = this.#feeds.get(planId);
    feed?.followers.delete(follower);
    if (feed?.followers.size === 0) this.#feeds.delete(planId);
  }

  planChanged(planId: string, events: readonly PlanHistoryEvent[], sizes: readonly number[]): void {
    this.#feeds.get(planId)?.publish(events, sizes);
  }
}
