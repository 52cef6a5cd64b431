import type { Failure } from '../../domain/failure.ts';

/** A failure as three columns: all set or none. */
export type FailureColumns = {
  readonly failure_message: string | null;
  readonly failure_reason: string | null;
  readonly failure_at: number | null;
};

const none: FailureColumns = { failure_message: null, failure_reason: null, failure_at: null };

export function toFailureColumns(failure: Failure | undefined): FailureColumns {
  if (failure === undefined) return none;
  return { failure_message: failure.message, failure_reason: failure.reason, failure_at: failure.occurredAt };
}

export function fromFailureColumns(row: FailureColumns): Failure | undefined {
  const { failure_message: message, failure_reason: reason, failure_at: occurredAt } = row;
  return message === null || reason === null || occurredAt === null ? undefined : { message, occurredAt, reason };
}
