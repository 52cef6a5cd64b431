/** Reasons that the server itself gives for a failure; writers may use words of their own. */
export type ServerFailureReason =
  | 'TIMEOUT'
  | 'HEARTBEAT_LOST'
  | 'RUNNER_ERROR'
  | 'SERVER_RESTART'
  | 'CANCELLED'
  | 'EXECUTOR_FAILURE'
  | 'STAGE_FAILED';

/** Why an attempt, a result or a stage failed. `occurredAt` is in milliseconds since the epoch. */
export type Failure = {
  readonly message: string;
  readonly occurredAt: number;
  readonly reason: string;
};

/** A failure that the server reports in its own name. */
export function serverFailure(reason: ServerFailureReason, message: string, occurredAt: number): Failure {
  return { message, occurredAt, reason };
}

/** Two failures say the same; when they happened does not matter (a repeated write carries a new time). */
export function sameFailure(a: Failure | undefined, b: Failure | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.message === b.message && a.reason === b.reason);
}
