import { expect } from 'vitest';
import type { ErrorReason } from '../../../../src/domain/error.ts';
import { RpcError, refusal } from '../../../support/rpc-error.ts';

export type Code =
  | 'NOT_FOUND'
  | 'INVALID_ARGUMENT'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED';

/** What a refusal has to say. Several reasons: the document leaves open which of them applies first. */
export type Expected = {
  readonly code: Code;
  readonly reason?: ErrorReason | readonly ErrorReason[];
  /** The path of a field that has to be named. */
  readonly field?: string;
};

/** Waits for the call to be refused: code, reason, wrong field, and the details that section 10 asks for. */
export async function refused(call: Promise<unknown>, expected: Expected): Promise<RpcError> {
  return expectRefusal(await refusal(call), expected);
}

/** Checks a refusal: code, reason, wrong field, and the details that section 10 asks for. */
export function expectRefusal(error: unknown, { code, reason, field }: Expected): RpcError {
  if (!(error instanceof RpcError)) throw error;
  const shown = `${error.code} ${error.reason}: ${error.message}`;
  expect(error.code, shown).toBe(code);
  expect(error.info?.domain, `ErrorInfo of ${shown}`).toBe('turboci');
  expect(error.reason, shown).toMatch(/^[A-Z][A-Z_]+$/);
  if (reason !== undefined) expect([reason].flat(), shown).toContain(error.reason);
  expectDetails(error, code, shown);
  if (field !== undefined) expect(error.fields, shown).toContain(field);
  return error;
}

/** Section 10: which details come with which code. */
function expectDetails(
  { resource, badRequest, precondition, quota, retry, info }: RpcError,
  code: Code,
  shown: string,
) {
  switch (code) {
    case 'NOT_FOUND':
      return expect(resource?.resourceName, `ResourceInfo of ${shown}`).toBeTruthy();
    case 'INVALID_ARGUMENT':
      return expect(badRequest, `BadRequest of ${shown}`).toBeDefined();
    case 'FAILED_PRECONDITION':
      return expect(precondition?.violations.length, `PreconditionFailure of ${shown}`).toBeGreaterThan(0);
    case 'RESOURCE_EXHAUSTED':
      return expect(quota?.violations.length, `QuotaFailure of ${shown}`).toBeGreaterThan(0);
    case 'UNAVAILABLE':
      return expect(retry, `RetryInfo of ${shown}`).toBeDefined();
    case 'ABORTED':
      return expect(Object.keys(info?.metadata ?? {}), shown).toEqual(expect.arrayContaining(['expected', 'actual']));
    case 'ALREADY_EXISTS':
    case 'DEADLINE_EXCEEDED':
      return;
  }
}
