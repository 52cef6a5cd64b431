import type { Attempt, ProgressEntry } from '../domain/attempt.ts';
import type { JsonObject } from '../domain/json.ts';
import type { ExecutionMode } from '../domain/stage.ts';

/** Names one attempt. */
export type AttemptKey = { readonly planId: string; readonly stageId: string; readonly idx: number };

/** A new attempt with what its queue is found by, copied from its stage. */
export type NewAttempt = { readonly attempt: Attempt; readonly runnerType: string; readonly mode: ExecutionMode };

/** Names one stage. */
export type StageKey = { readonly planId: string; readonly stageId: string };

/** A live attempt that a runner has. */
export type HeldAttempt = { readonly executionId: string; readonly runnerId: string; readonly runnerType: string };

/** A plan with attempts in one queue (see `queueOf`). */
export type QueuedPlan = { readonly queue: string; readonly planId: string };

export interface AttemptReader {
  get(key: AttemptKey): Promise<Attempt | undefined>;
  /** The attempt, ended or not, that was handed out under this execution id. */
  findExecution(executionId: string): Promise<Attempt | undefined>;
  details(key: AttemptKey): Promise<JsonObject | undefined>;
}

export interface AttemptRepository extends AttemptReader {
  insert(attempt: NewAttempt): Promise<void>;
  /**
   * Stores everything but details and progress; the due time of the attempt's next timer follows from its fields. `before`
   * is what is stored.
   */
  update(attempt: Attempt, before: Attempt): Promise<void>;
  setDetails(key: AttemptKey, details: JsonObject): Promise<void>;
  /** Appends one entry; `position` is its place in the attempt's list, from 0. */
  appendProgress(key: AttemptKey, position: number, entry: ProgressEntry): Promise<void>;
  findProgress(key: AttemptKey, idempotencyKey: string): Promise<ProgressEntry | undefined>;
}

/** The queues of PENDING attempts that nobody owns, by `queueOf`. */
export interface AttemptQueues {
  /** Attempts of the plan in the queue that are available at `now`, the longest waiting first, at most `limit`. */
  available(queue: string, planId: string, now: number, limit: number): Promise<readonly AttemptKey[]>;
  /** Every queue and plan with attempts that are available at `now`: what a process that starts has to know. */
  plansWithAvailable(now: number): Promise<readonly QueuedPlan[]>;
  /** Queues and plans with attempts that a backoff kept until a time after `since` and not after `now`. */
  backoffsEnded(since: number, now: number): Promise<readonly QueuedPlan[]>;
  /** When the next backoff ends after `now`. */
  nextBackoffEnd(now: number): Promise<number | undefined>;
}

/** Attempts that the server has handed out and that live: each is due at some time, and is found by that. */
export interface HeldAttempts {
  /**
   * Attempts whose execution ends with the process of the server (builtin ones, and blocking calls to runners): after a
   * start, those of the dead process.
   */
  boundToProcess(): Promise<readonly AttemptKey[]>;
  /** Reserved attempts whose runner had not answered the offer. */
  offered(): Promise<readonly AttemptKey[]>;
  /** All attempts that runners have: what their load is counted by. */
  ofRunners(): Promise<readonly HeldAttempt[]>;
  /** Attempts that the runner acquired and has not been heard of about. */
  unconfirmed(runnerId: string): Promise<readonly AttemptKey[]>;
}

/** What persisted timers are about. */
export type DueTimers = { readonly attempts: readonly AttemptKey[]; readonly stages: readonly StageKey[] };

/** What a persisted timer is about to do. */
export interface TimerQueue {
  /** Live attempts and stages whose due time is not after `now`, earliest first, at most `limit` of each. */
  due(now: number, limit: number): Promise<DueTimers>;
  /** When the next timer is due; undefined = none is set. */
  nextDueAt(): Promise<number | undefined>;
}
