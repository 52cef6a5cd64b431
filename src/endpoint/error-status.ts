import type { AppError, ErrorReason } from '../domain/error.ts';
import { protoPath } from './field-path.ts';

/** The status codes of gRPC that the server answers with; Connect uses the same ones. */
export type StatusCode =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE';

/** Which of google.rpc's messages goes with the error, beside ErrorInfo. */
export type DetailKind = 'BAD_REQUEST' | 'PRECONDITION_FAILURE' | 'QUOTA_FAILURE' | 'RESOURCE_INFO' | 'NONE';

type Verdict = { readonly code: StatusCode; readonly detail: DetailKind };

const notFound: Verdict = { code: 'NOT_FOUND', detail: 'RESOURCE_INFO' };
const invalid: Verdict = { code: 'INVALID_ARGUMENT', detail: 'BAD_REQUEST' };
const precondition: Verdict = { code: 'FAILED_PRECONDITION', detail: 'PRECONDITION_FAILURE' };
const exhausted: Verdict = { code: 'RESOURCE_EXHAUSTED', detail: 'QUOTA_FAILURE' };

/** Code and details of every reason (semantics, section 10). */
const verdicts: Readonly<Record<ErrorReason, Verdict>> = {
  WORK_PLAN_NOT_FOUND: notFound,
  CHECK_NOT_FOUND: notFound,
  STAGE_NOT_FOUND: notFound,
  EXECUTION_NOT_FOUND: notFound,
  REGISTRATION_NOT_FOUND: notFound,
  SERVICE_NOT_FOUND: notFound,
  MALFORMED_MESSAGE: invalid,
  INVALID_FIELD: invalid,
  REQUEST_LIMIT_EXCEEDED: invalid,
  DUPLICATE_NODE: invalid,
  UNKNOWN_TARGET: invalid,
  DEPENDENCY_CYCLE: invalid,
  PROCESS_UID_REQUIRED: invalid,
  UNKNOWN_EXECUTOR: invalid,
  BAD_PAGE_TOKEN: invalid,
  ILLEGAL_TRANSITION: precondition,
  IMMUTABLE_FIELD: precondition,
  NODE_FINAL: precondition,
  DEPENDENCIES_OPEN: precondition,
  RESULT_NOT_ACCEPTED: precondition,
  RESULT_FINALIZED: precondition,
  ATTEMPT_CLAIMED: precondition,
  STALE_ATTEMPT: precondition,
  NO_LIVE_ATTEMPT: precondition,
  EXECUTION_ENDED: precondition,
  EXECUTOR_DISABLED: precondition,
  NOT_RUNNABLE: precondition,
  VERSION_MISMATCH: { code: 'ABORTED', detail: 'NONE' },
  REQUEST_ID_REUSED: { code: 'ALREADY_EXISTS', detail: 'NONE' },
  IDEMPOTENCY_KEY_REUSED: { code: 'ALREADY_EXISTS', detail: 'NONE' },
  MESSAGE_TOO_LARGE: exhausted,
  PLAN_NODES_LIMIT: exhausted,
  RESULTS_LIMIT: exhausted,
  PROGRESS_LIMIT: exhausted,
  JSON_SIZE_LIMIT: exhausted,
  RUNNERS_LIMIT: exhausted,
  PULLERS_LIMIT: exhausted,
  WRITE_QUEUE_FULL: exhausted,
  WATCHERS_LIMIT: exhausted,
  WATCHER_TOO_SLOW: exhausted,
  DRAINING: { code: 'UNAVAILABLE', detail: 'NONE' },
  STORAGE_UNAVAILABLE: { code: 'UNAVAILABLE', detail: 'NONE' },
  DEADLINE_EXCEEDED: { code: 'DEADLINE_EXCEEDED', detail: 'NONE' },
  CALLER_GONE: { code: 'CANCELLED', detail: 'NONE' },
  NOT_IMPLEMENTED: { code: 'UNIMPLEMENTED', detail: 'NONE' },
  INTERNAL: { code: 'INTERNAL', detail: 'NONE' },
};

/** When to come again, for refusals that pass by themselves and do not say so themselves. */
const usualRetryMs: { readonly [R in ErrorReason]?: number } = {
  DRAINING: 1000,
  STORAGE_UNAVAILABLE: 1000,
  WRITE_QUEUE_FULL: 100,
  WATCHERS_LIMIT: 1000,
  RUNNERS_LIMIT: 1000,
  PULLERS_LIMIT: 1000,
  WATCHER_TOO_SLOW: 0,
};

/** An error as it goes to callers, before a transport puts it into bytes. */
export type ErrorStatus = {
  readonly code: StatusCode;
  readonly reason: ErrorReason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly detail: DetailKind;
  /** Wrong fields, with paths in the names of the contract. */
  readonly fields: readonly { readonly field: string; readonly description: string }[];
  /** What the error is about, `stage/build`; empty = nothing in particular. */
  readonly resource: { readonly type: string; readonly name: string };
  readonly retryAfterMs: number | undefined;
};

/** The code that a reason is answered with. */
export function codeOf(reason: ErrorReason): StatusCode {
  return verdicts[reason].code;
}

/** What a caller gets to see of an error. */
export function toErrorStatus(error: AppError): ErrorStatus {
  const { code, detail } = verdicts[error.reason];
  const { metadata } = error;
  return {
    code,
    reason: error.reason,
    message: error.message,
    metadata,
    detail,
    fields: error.fields.map(({ path, message }) => ({ field: protoPath(path), description: message })),
    resource: { type: metadata.resource_type ?? '', name: metadata.resource_name ?? '' },
    retryAfterMs: error.retryAfterMs ?? usualRetryMs[error.reason],
  };
}
