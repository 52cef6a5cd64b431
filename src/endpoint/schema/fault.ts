import type { z } from 'zod';
import type { ErrorReason, FieldPath } from '../../domain/error.ts';

/** Why a request is refused for its own sake; the first fault found names the reason of the error. */
export type FaultReason = Extract<ErrorReason, 'INVALID_FIELD' | 'REQUEST_LIMIT_EXCEEDED' | 'DUPLICATE_NODE'>;

/** What zod hands to a check: the value, and where to put what is wrong with it. */
export type Checked<T> = z.core.ParsePayload<T>;

/** Notes that the value at `path`, below the checked one, is wrong. */
export function fault<T>(
  checked: Checked<T>,
  message: string,
  path: FieldPath = [],
  reason: FaultReason = 'INVALID_FIELD',
): void {
  checked.issues.push({ code: 'custom', message, path: [...path], input: checked.value, params: { reason } });
}

/** The reason that `fault` put into an issue; zod's own issues are all about a wrong value. */
export function reasonOf(issue: z.core.$ZodIssue): FaultReason {
  const reason: unknown = issue.code === 'custom' ? issue.params?.reason : undefined;
  return reason === 'REQUEST_LIMIT_EXCEEDED' || reason === 'DUPLICATE_NODE' ? reason : 'INVALID_FIELD';
}
