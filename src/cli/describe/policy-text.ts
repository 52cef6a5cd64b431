import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { ExecutionPolicy } from '../../../gen/turboci/v1/stage_pb.js';
import { formatDuration } from '../progress/duration.ts';

/** How a stage is tried, in words; what is off is left out. */
export function policyText(policy: ExecutionPolicy | undefined): string {
  if (policy === undefined) return '';
  const { maxAttempts, attemptTimeout, heartbeatTimeout, stageTimeout } = policy;
  return [
    `${maxAttempts === 1 ? '1 attempt' : `${maxAttempts} attempts`} of at most ${text(attemptTimeout)}`,
    maxAttempts === 1 ? '' : backoffText(policy),
    ms(heartbeatTimeout) === 0 ? '' : `a heartbeat every ${text(heartbeatTimeout)}`,
    ms(stageTimeout) === 0 ? '' : `all of it within ${text(stageTimeout)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

function backoffText({ backoffInitial, backoffMultiplier, backoffMax }: ExecutionPolicy): string {
  return `waits of up to ${text(backoffInitial)} × ${backoffMultiplier} up to ${text(backoffMax)} between them`;
}

function ms(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}

function text(duration: Duration | undefined): string {
  return formatDuration(ms(duration));
}
