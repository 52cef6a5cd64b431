import { timestampMs } from '@bufbuild/protobuf/wkt';
import { AttemptState } from '../../../gen/turboci/v1/common_pb.js';
import type { Attempt } from '../../../gen/turboci/v1/stage_pb.js';
import { oneLine } from '../output.ts';
import { formatDuration } from '../progress/duration.ts';
import { spanText } from './times.ts';

/** How an attempt stands, in words: `running for 2.1s on host-1`. `now` in milliseconds since the epoch. */
export function attemptStateText(attempt: Attempt, now: number): string {
  const { state, runnerId, startedAt, createdAt, endedAt } = attempt;
  const on = runnerId === '' ? '' : ` on ${oneLine(runnerId)}`;
  switch (state) {
    case AttemptState.PENDING:
      return pendingText(attempt, now);
    case AttemptState.SCHEDULED:
      return `accepted${on}, not begun`;
    case AttemptState.RUNNING:
      return `running${startedAt === undefined ? '' : ` for ${formatDuration(now - timestampMs(startedAt))}`}${on}`;
    case AttemptState.COMPLETE:
      return `complete${spanText(' after', startedAt ?? createdAt, endedAt)}`;
    case AttemptState.INCOMPLETE:
      return `incomplete${spanText(' after', startedAt ?? createdAt, endedAt)}`;
    case AttemptState.UNKNOWN:
      return '';
  }
}

/** How long an attempt still waits for its backoff, in milliseconds; 0 if it does not. */
export function backoffLeft({ state, availableAt }: Attempt, now: number): number {
  return state !== AttemptState.PENDING || availableAt === undefined ? 0 : Math.max(0, timestampMs(availableAt) - now);
}

function pendingText(attempt: Attempt, now: number): string {
  if (attempt.runnerId !== '') return `is being handed to ${oneLine(attempt.runnerId)}`;
  const waitMs = backoffLeft(attempt, now);
  return waitMs === 0 ? 'queued' : `retried in ${formatDuration(waitMs)}`;
}
