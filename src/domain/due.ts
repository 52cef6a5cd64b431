import { type Attempt, isLive } from './attempt.ts';
import type { Stage } from './stage.ts';

/**
 * When the server has to look at an attempt again: the earliest of its persisted deadlines, in milliseconds since the
 * epoch; undefined = never by itself. Kept with the attempt, so that the next timer of all is found by index. The
 * backoff of a retry is no deadline: the queue knows when an attempt becomes available.
 */
export function attemptDueAt(attempt: Attempt): number | undefined {
  if (!isLive(attempt.state)) return undefined;
  const times = [attempt.deadline, attempt.heartbeatBy, attempt.cancelBy, attempt.confirmBy].filter(
    (time) => time !== undefined,
  );
  return times.length === 0 ? undefined : Math.min(...times);
}

/** When the stage_timeout of a stage passes, in milliseconds since the epoch; undefined = never, or it was acted on. */
export function stageDueAt({ state, policy, createdAt, timedOut }: Stage): number | undefined {
  if (state === 'FINAL' || timedOut || policy.stageTimeoutMs === 0) return undefined;
  return createdAt + policy.stageTimeoutMs;
}
