import type { PlanHistoryEvent } from '../domain/event.ts';

/** A position in a plan's history: everything up to and including it has been seen. */
export type EventCursor = { readonly revision: number; readonly seq: number };

export interface EventReader {
  /** Events of the plan after `after`, in order, at most `limit`. */
  list(planId: string, after: EventCursor, limit: number): Promise<readonly PlanHistoryEvent[]>;
}

export interface EventRepository extends EventReader {
  append(planId: string, events: readonly PlanHistoryEvent[]): Promise<void>;
}
