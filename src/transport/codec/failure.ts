import type { Failure as FailurePb } from '../../../gen/turboci/v1/common_pb.js';
import type { Failure } from '../../domain/failure.ts';
import { fromTimestamp, toTimestamp } from './time.ts';

export function encodeFailure(failure: Failure): FailurePb {
  return {
    $typeName: 'turboci.v1.Failure',
    message: failure.message,
    occurredAt: toTimestamp(failure.occurredAt),
    reason: failure.reason,
  };
}

/** The plain form of a failure in a request. */
export function decodeFailure(failure: FailurePb | undefined) {
  if (failure === undefined) return undefined;
  const { message, reason, occurredAt } = failure;
  return { message, reason, occurredAt: occurredAt === undefined ? undefined : fromTimestamp(occurredAt) };
}
