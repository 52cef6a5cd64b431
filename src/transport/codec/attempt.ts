import type {
  Attempt as AttemptPb,
  AttemptWrite as AttemptWritePb,
  ProgressEntry as ProgressEntryPb,
} from '../../../gen/turboci/v1/stage_pb.js';
import type { ProgressEntry } from '../../domain/attempt.ts';
import type { AttemptChange } from '../../domain/event.ts';
import { attemptState } from './enums.ts';
import { decodeFailure, encodeFailure } from './failure.ts';
import { fromTimestamp, toOptionalTimestamp, toTimestamp } from './time.ts';

/** What of an attempt goes over the wire; it travels inside its stage. */
export type ShownAttempt = Omit<AttemptChange, 'oldState' | 'dispatch'>;

export function encodeAttempt(attempt: ShownAttempt): AttemptPb {
  return {
    $typeName: 'turboci.v1.Attempt',
    idx: attempt.idx,
    state: attemptState.value[attempt.state],
    processUid: attempt.processUid ?? '',
    details: attempt.details,
    progress: attempt.progress.map(encodeProgress),
    createdAt: toTimestamp(attempt.createdAt),
    updatedAt: toTimestamp(attempt.updatedAt),
    failure: attempt.failure === undefined ? undefined : encodeFailure(attempt.failure),
    executionId: attempt.executionId ?? '',
    runnerId: attempt.runnerId ?? '',
    startedAt: toOptionalTimestamp(attempt.startedAt),
    endedAt: toOptionalTimestamp(attempt.endedAt),
    availableAt: toTimestamp(attempt.availableAt),
    deadline: toOptionalTimestamp(attempt.deadline),
    heartbeatBy: toOptionalTimestamp(attempt.heartbeatBy),
    progressPercent: attempt.progressPercent,
  };
}

function encodeProgress(entry: ProgressEntry): ProgressEntryPb {
  return {
    $typeName: 'turboci.v1.ProgressEntry',
    message: entry.message,
    timestamp: toTimestamp(entry.timestamp),
    details: entry.details,
    percent: entry.percent,
    idempotencyKey: entry.idempotencyKey,
  };
}

/** The plain form of an attempt in a write. */
export function decodeAttemptWrite(write: AttemptWritePb) {
  return {
    state: attemptState.read(write.state),
    processUid: write.processUid,
    details: write.details,
    progress: write.progress === undefined ? undefined : decodeProgress(write.progress),
    failure: decodeFailure(write.failure),
    blockNewAttempts: write.blockNewAttempts,
    attemptIdx: write.attemptIdx,
  };
}

function decodeProgress({ message, timestamp, details, percent, idempotencyKey }: ProgressEntryPb) {
  return {
    message,
    timestamp: timestamp === undefined ? undefined : fromTimestamp(timestamp),
    details,
    percent,
    idempotencyKey,
  };
}
