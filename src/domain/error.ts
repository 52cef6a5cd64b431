/**
 * Every reason for which a request can be refused: a closed set, part of the contract (ErrorInfo.reason). The endpoint
 * layer maps each to a status code and details; a reason without a mapping does not compile.
 */
export type ErrorReason =
  | 'WORK_PLAN_NOT_FOUND'
  | 'CHECK_NOT_FOUND'
  | 'STAGE_NOT_FOUND'
  | 'EXECUTION_NOT_FOUND'
  | 'REGISTRATION_NOT_FOUND'
  | 'SERVICE_NOT_FOUND'
  | 'MALFORMED_MESSAGE'
  | 'INVALID_FIELD'
  | 'REQUEST_LIMIT_EXCEEDED'
  | 'DUPLICATE_NODE'
  | 'UNKNOWN_TARGET'
  | 'DEPENDENCY_CYCLE'
  | 'PROCESS_UID_REQUIRED'
  | 'UNKNOWN_EXECUTOR'
  | 'BAD_PAGE_TOKEN'
  | 'ILLEGAL_TRANSITION'
  | 'IMMUTABLE_FIELD'
  | 'NODE_FINAL'
  | 'DEPENDENCIES_OPEN'
  | 'RESULT_NOT_ACCEPTED'
  | 'RESULT_FINALIZED'
  | 'ATTEMPT_CLAIMED'
  | 'STALE_ATTEMPT'
  | 'NO_LIVE_ATTEMPT'
  | 'EXECUTION_ENDED'
  | 'EXECUTOR_DISABLED'
  | 'NOT_RUNNABLE'
  | 'VERSION_MISMATCH'
  | 'REQUEST_ID_REUSED'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'MESSAGE_TOO_LARGE'
  | 'PLAN_NODES_LIMIT'
  | 'RESULTS_LIMIT'
  | 'PROGRESS_LIMIT'
  | 'JSON_SIZE_LIMIT'
  | 'RUNNERS_LIMIT'
  | 'PULLERS_LIMIT'
  | 'WRITE_QUEUE_FULL'
  | 'WATCHERS_LIMIT'
  | 'WATCHER_TOO_SLOW'
  | 'DRAINING'
  | 'STORAGE_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CALLER_GONE'
  | 'NOT_IMPLEMENTED'
  | 'INTERNAL';

/** Where in a request a fault lies, in the names of the plain request: `['stages', 3, 'dependencies', 'threshold']`. */
export type FieldPath = readonly (string | number)[];

export type FieldViolation = { readonly path: FieldPath; readonly message: string };

export type ErrorInit = {
  /** Fields of the request that are wrong; for INVALID_ARGUMENT reasons. */
  readonly fields?: readonly FieldViolation[];
  /** Machine-readable facts: ids, states, versions, limits. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When a retry may help, in milliseconds. */
  readonly retryAfterMs?: number;
  /** What lies behind it; goes to the log, never to the caller. */
  readonly cause?: unknown;
};

/** The one error that a caller may see: what was wrong, and what to do about it. */
export class AppError extends Error {
  readonly reason: ErrorReason;
  readonly fields: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(reason: ErrorReason, message: string, init: ErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'AppError';
    this.reason = reason;
    this.fields = init.fields ?? [];
    this.metadata = init.metadata ?? {};
    this.retryAfterMs = init.retryAfterMs;
  }
}

/** One wrong field of a request. */
export function invalidField(path: FieldPath, message: string, reason: ErrorReason = 'INVALID_FIELD'): AppError {
  return new AppError(reason, message, { fields: [{ path, message }] });
}

/** States what must hold if the code is right; a violation is a bug and reaches callers as INTERNAL without its text. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant violated: ${message}`);
}
