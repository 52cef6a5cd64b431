/** Every reason for a refusal that the model knows, in the words of the contract, with its code: section 10. */
const codes = {
  WORK_PLAN_NOT_FOUND: 'NOT_FOUND',
  STAGE_NOT_FOUND: 'NOT_FOUND',
  EXECUTION_NOT_FOUND: 'NOT_FOUND',
  REGISTRATION_NOT_FOUND: 'NOT_FOUND',
  INVALID_FIELD: 'INVALID_ARGUMENT',
  UNKNOWN_TARGET: 'INVALID_ARGUMENT',
  DEPENDENCY_CYCLE: 'INVALID_ARGUMENT',
  PROCESS_UID_REQUIRED: 'INVALID_ARGUMENT',
  ILLEGAL_TRANSITION: 'FAILED_PRECONDITION',
  IMMUTABLE_FIELD: 'FAILED_PRECONDITION',
  NODE_FINAL: 'FAILED_PRECONDITION',
  DEPENDENCIES_OPEN: 'FAILED_PRECONDITION',
  RESULT_NOT_ACCEPTED: 'FAILED_PRECONDITION',
  RESULT_FINALIZED: 'FAILED_PRECONDITION',
  ATTEMPT_CLAIMED: 'FAILED_PRECONDITION',
  STALE_ATTEMPT: 'FAILED_PRECONDITION',
  NO_LIVE_ATTEMPT: 'FAILED_PRECONDITION',
  EXECUTION_ENDED: 'FAILED_PRECONDITION',
  VERSION_MISMATCH: 'ABORTED',
  REQUEST_ID_REUSED: 'ALREADY_EXISTS',
  IDEMPOTENCY_KEY_REUSED: 'ALREADY_EXISTS',
} as const;

export type Reason = keyof typeof codes;

export class Refusal extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.name = 'Refusal';
    this.reason = reason;
  }

  get code(): string {
    return codes[this.reason];
  }
}

export function refuse(reason: Reason, message: string): never {
  throw new Refusal(reason, message);
}

export function requireThat(holds: boolean, reason: Reason, message: string): asserts holds {
  if (!holds) refuse(reason, message);
}
