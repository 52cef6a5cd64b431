import type { Duration } from '@bufbuild/protobuf/wkt';
import type { ExecutionPolicy as ExecutionPolicyPb } from '../../../gen/turboci/v1/stage_pb.js';
import type { ExecutionPolicy } from '../../domain/policy.ts';
import { fromDuration, toDuration } from './time.ts';

export function encodePolicy(policy: ExecutionPolicy): ExecutionPolicyPb {
  return {
    $typeName: 'turboci.v1.ExecutionPolicy',
    maxAttempts: policy.maxAttempts,
    attemptTimeout: toDuration(policy.attemptTimeoutMs),
    heartbeatTimeout: toDuration(policy.heartbeatTimeoutMs),
    stageTimeout: toDuration(policy.stageTimeoutMs),
    backoffInitial: toDuration(policy.backoffInitialMs),
    backoffMultiplier: policy.backoffMultiplier,
    backoffMax: toDuration(policy.backoffMaxMs),
  };
}

/** The plain form of a policy in a request: scalars without presence are unset when 0. */
export function decodePolicy(policy: ExecutionPolicyPb | undefined) {
  if (policy === undefined) return undefined;
  return {
    maxAttempts: policy.maxAttempts === 0 ? undefined : policy.maxAttempts,
    attemptTimeoutMs: milliseconds(policy.attemptTimeout),
    heartbeatTimeoutMs: milliseconds(policy.heartbeatTimeout),
    stageTimeoutMs: milliseconds(policy.stageTimeout),
    backoffInitialMs: milliseconds(policy.backoffInitial),
    backoffMultiplier: policy.backoffMultiplier === 0 ? undefined : policy.backoffMultiplier,
    backoffMaxMs: milliseconds(policy.backoffMax),
  };
}

function milliseconds(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : fromDuration(duration);
}
