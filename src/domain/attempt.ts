import type { Failure } from './failure.ts';
import type { JsonObject } from './json.ts';

export const attemptStates = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'] as const;
export type AttemptState = (typeof attemptStates)[number];

/**
 * How the server handed an attempt out: to its own executor, by a blocking call to a runner, by a call that the runner
 * accepts and answers later, or to a runner that asked for work.
 */
export const dispatchKinds = ['BUILTIN', 'RUN', 'RUN_ASYNC', 'ACQUIRE'] as const;
export type DispatchKind = (typeof dispatchKinds)[number];

/** One try at a stage, without details and progress. Times are milliseconds since the epoch. */
export type Attempt = {
  readonly planId: string;
  readonly stageId: string;
  /** From 1. */
  readonly idx: number;
  readonly state: AttemptState;
  /** The holder: who claimed the attempt. */
  readonly processUid: string | undefined;
  readonly failure: Failure | undefined;
  /** Set when the server itself dispatched the attempt; then equal to the processUid. */
  readonly executionId: string | undefined;
  /** Set together with the executionId. */
  readonly dispatch: DispatchKind | undefined;
  /** The runner that has it; undefined = none, or an executor of the server's own. */
  readonly runnerId: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Not dispatched before this time: the backoff of a retry. */
  readonly availableAt: number;
  /** When the attempt times out; undefined while it waits. */
  readonly deadline: number | undefined;
  readonly heartbeatBy: number | undefined;
  /** End of the grace time of a stop (a cancellation, a timeout) that waits for the holder. */
  readonly cancelBy: number | undefined;
  /** Set from the time a runner acquires it until the runner is heard of: then it goes back into the queue. */
  readonly confirmBy: number | undefined;
  /** Digest of the answer that ended it: an equal one that comes again is acknowledged. */
  readonly answerDigest: string | undefined;
  /** 0–100; 0 = not given. */
  readonly progressPercent: number;
  readonly progressCount: number;
  /** The holder asked that no further attempt be made. */
  readonly blockNewAttempts: boolean;
};

export type ProgressEntry = {
  readonly message: string;
  readonly timestamp: number;
  readonly details: JsonObject | undefined;
  readonly percent: number | undefined;
  /** Empty = none. */
  readonly idempotencyKey: string;
};

/** An attempt as clients see it. In the BASIC view details and progress are left out. */
export type AttemptView = Attempt & {
  readonly details: JsonObject | undefined;
  readonly progress: readonly ProgressEntry[];
};

/** A live attempt is one that has not ended; a stage in ATTEMPTING has exactly one, its last. */
export function isLive(state: AttemptState): boolean {
  return state !== 'COMPLETE' && state !== 'INCOMPLETE';
}

/** An owned attempt has left the queue: somebody holds it and must be told when it is to stop. */
export function isOwned(attempt: Attempt): boolean {
  return isLive(attempt.state) && (attempt.processUid !== undefined || attempt.state !== 'PENDING');
}
