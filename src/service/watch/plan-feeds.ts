import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { EventCursor } from '../../storage/event-repository.ts';
import type { EditEffects } from '../edit/edit-effects.ts';
import type { CommitListener } from '../edit/editor.ts';

/** Committed events that a feed keeps for its followers; whoever is further behind reads from storage. */
const RECENT_EVENTS = 1024;

/** Who wants to hear of a plan's commits. Called synchronously, must not throw. */
export interface FeedFollower {
  /** These events were committed, all of one revision. */
  committed(events: readonly PlanHistoryEvent[]): void;
}

/** One watched plan: its followers, and the newest events, shared by all of them. */
export class PlanFeed {
  readonly followers = new Set<FeedFollower>();
  #recent: PlanHistoryEvent[] = [];

  publish(events: readonly PlanHistoryEvent[]): void {
    // A revision larger than the buffer is read from storage by all; the buffer must stay without gaps.
    const joined = events.length > RECENT_EVENTS ? [] : [...this.#recent, ...events];
    this.#recent = joined.length > RECENT_EVENTS ? joined.slice(-RECENT_EVENTS) : joined;
    for (const follower of this.followers) follower.committed(events);
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
export class PlanFeeds implements CommitListener {
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

  planChanged(planId: string, events: readonly PlanHistoryEvent[]): void {
    this.#feeds.get(planId)?.publish(events);
  }

  effectsDue(_planId: string, _effects: EditEffects): void {}
}
