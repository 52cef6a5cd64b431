import type { Attempt, ProgressEntry } from '../domain/attempt.ts';
import type { JsonObject } from '../domain/json.ts';

/** Names one attempt. */
export type AttemptKey = { readonly planId: string; readonly stageId: string; readonly idx: number };

/** An attempt as it is queued: `runnerType` is copied from its stage so that the queue is one index. */
export type NewAttempt = { readonly attempt: Attempt; readonly runnerType: string };

export interface AttemptReader {
  get(key: AttemptKey): Promise<Attempt | undefined>;
  details(key: AttemptKey): Promise<JsonObject | undefined>;
}

export interface AttemptRepository extends AttemptReader {
  insert(attempt: NewAttempt): Promise<void>;
  /** Stores everything but details and progress; the due time of the attempt's next timer follows from its fields. */
  update(attempt: Attempt): Promise<void>;
  setDetails(key: AttemptKey, details: JsonObject): Promise<void>;
  /** Appends one entry; `position` is its place in the attempt's list, from 0. */
  appendProgress(key: AttemptKey, position: number, entry: ProgressEntry): Promise<void>;
  findProgress(key: AttemptKey, idempotencyKey: string): Promise<ProgressEntry | undefined>;
}

/** The queue of attempts that the server process itself executes (`builtin/` runner types). */
export interface BuiltinQueue {
  /** The PENDING builtin attempt of the plan that has been available longest at `now`, if any. */
  nextAvailable(planId: string, now: number): Promise<AttemptKey | undefined>;
  /** Plans with builtin attempts that are available at `now`. */
  plansWithAvailable(now: number): Promise<readonly string[]>;
  /** When the next builtin attempt that is not available at `now` becomes so: the end of its backoff. */
  nextAvailableAt(now: number): Promise<number | undefined>;
  /**
   * Builtin attempts that a server process executes (those that a writer holds are not among them), at most `limit`:
   * after a start of the process, those of the dead one.
   */
  started(limit: number): Promise<readonly AttemptKey[]>;
}

/** What a persisted timer is about to do. */
export interface TimerQueue {
  /** Live attempts whose `dueAt` is not after `now`, earliest first, at most `limit`. */
  due(now: number, limit: number): Promise<readonly AttemptKey[]>;
  /** When the next timer is due; undefined = none is set. */
  nextDueAt(): Promise<number | undefined>;
}
