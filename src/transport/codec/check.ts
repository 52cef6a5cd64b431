import type {
  Check as CheckPb,
  CheckResult as CheckResultPb,
  CheckResultWrite as CheckResultWritePb,
  CheckWrite as CheckWritePb,
} from '../../../gen/turboci/v1/check_pb.js';
import { Outcome as OutcomePb } from '../../../gen/turboci/v1/common_pb.js';
import type { CheckResult, CheckView } from '../../domain/check.ts';
import { decodeGroup, encodeGroup } from './dependency-group.ts';
import { checkState, outcome } from './enums.ts';
import { decodeFailure, encodeFailure } from './failure.ts';
import { toOptionalTimestamp, toTimestamp } from './time.ts';

/** What of a check goes over the wire; an event has it without the bookkeeping. */
export type ShownCheck = Omit<CheckView, 'goals' | 'resultCount'>;

export function encodeCheck(check: ShownCheck): CheckPb {
  return {
    $typeName: 'turboci.v1.Check',
    id: check.id,
    workPlanId: check.planId,
    state: checkState.value[check.state],
    kind: check.kind,
    options: check.options,
    results: check.results.map(encodeResult),
    dependencies: check.dependencies === undefined ? undefined : encodeGroup(check.dependencies),
    createdAt: toTimestamp(check.createdAt),
    updatedAt: toTimestamp(check.updatedAt),
    version: BigInt(check.version),
    outcome: check.outcome === undefined ? OutcomePb.UNKNOWN : outcome.value[check.outcome],
    revision: BigInt(check.revision),
  };
}

function encodeResult(result: CheckResult): CheckResultPb {
  return {
    $typeName: 'turboci.v1.CheckResult',
    id: BigInt(result.id),
    ownerType: result.ownerType,
    ownerId: result.ownerId,
    data: result.data,
    createdAt: toTimestamp(result.createdAt),
    finalizedAt: toOptionalTimestamp(result.finalizedAt),
    failure: result.failure === undefined ? undefined : encodeFailure(result.failure),
  };
}

/** The plain form of a check in a write. */
export function decodeCheckWrite(write: CheckWritePb) {
  return {
    id: write.id,
    state: checkState.read(write.state),
    kind: write.kind,
    options: write.options,
    dependencies: write.dependencies === undefined ? undefined : decodeGroup(write.dependencies),
    result: write.result === undefined ? undefined : decodeResult(write.result),
    expectedVersion: write.expectedVersion === undefined ? undefined : Number(write.expectedVersion),
  };
}

function decodeResult({ ownerType, ownerId, data, finalize, failure }: CheckResultWritePb) {
  return { ownerType, ownerId, data, finalize, failure: decodeFailure(failure) };
}
