import type { PlanHistoryEvent } from '../domain/event.ts';

/** A position in a plan's history: everything up to and including it has been seen. */
export type EventCursor = { readonly revision: number; readonly seq: number };

export interface EventReader {
  /**
   * Events of the plan after `after`, in order, at most `limit`, and fewer once their changes add up to a megabyte: an
   * empty page alone means that there are no more.
   */
  list(planId: string, after: EventCursor, limit: number): Promise<readonly PlanHistoryEvent[]>;
}

export interface EventRepository extends EventReader {
  /** Answers how many characters the change of each takes in storage. */
  append(planId: string, events: readonly PlanHistoryEvent[]): Promise<readonly number[]>;
}
