import type { Attempt } from '../../domain/attempt.ts';
import { serverFailure } from '../../domain/failure.ts';
import { CONFIRM_MS, orderStop } from '../edit/attempt-life.ts';
import { endCancelled } from '../edit/cancel.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { endAttempt } from '../edit/stage-life.ts';
import type { LiveAttempt } from './live-attempt.ts';
import { takeBackLive } from './take-back.ts';
import { endTimedOut, timeOutAttempt } from './time-out.ts';

/** Knows of signs of life that are not stored. */
export interface BeatSource {
  dueBy(executionId: string | undefined): number | undefined;
}

/**
 * Acts on the deadlines of a live attempt that are not after `now`; answers whether there was one. What nobody could
 * report while no server ran is not held against a runner: heartbeats and confirmations run anew from `startedAt`.
 */
export async function meetDeadlines(
  edit: PlanEdit,
  live: LiveAttempt,
  now: number,
  startedAt: number,
  beats: BeatSource,
): Promise<boolean> {
  const { stage, attempt } = live;
  const { cancelBy, deadline } = attempt.current;
  if (isDue(cancelBy, now)) {
    if (stage.current.cancelledAt === undefined) await endTimedOut(edit, live);
    else await endCancelled(edit, stage, stage.current.cancelReason);
    return true;
  }
  if (isDue(deadline, now)) {
    await timeOutAttempt(edit, live);
    return true;
  }
  return (await meetHeartbeat(edit, live, now, startedAt, beats)) || meetConfirmation(edit, live, now, startedAt);
}

async function meetHeartbeat(
  edit: PlanEdit,
  { stage, attempt }: LiveAttempt,
  now: number,
  startedAt: number,
  beats: BeatSource,
): Promise<boolean> {
  const { heartbeatBy, executionId } = attempt.current;
  if (heartbeatBy === undefined || heartbeatBy > now) return false;
  const { heartbeatTimeoutMs } = stage.current.policy;
  const latest = Math.max(heartbeatBy, beats.dueBy(executionId) ?? 0, startedAt + heartbeatTimeoutMs);
  if (latest > now) {
    edit.touchAttempt(attempt, { heartbeatBy: latest });
    return true;
  }
  const message = `${holderOf(attempt.current)} was silent for longer than its heartbeat_timeout of ${heartbeatTimeoutMs / 1000} s`;
  const failure = serverFailure('HEARTBEAT_LOST', message, edit.origin.at);
  await endAttempt(edit, stage, attempt, { state: 'INCOMPLETE', failure, final: false }, { stop: message });
  return true;
}

async function meetConfirmation(edit: PlanEdit, live: LiveAttempt, now: number, startedAt: number): Promise<boolean> {
  const { confirmBy } = live.attempt.current;
  if (confirmBy === undefined || confirmBy > now) return false;
  const latest = startedAt + CONFIRM_MS;
  if (latest > now) {
    edit.touchAttempt(live.attempt, { confirmBy: latest });
    return true;
  }
  orderStop(
    edit,
    live.stage,
    live.attempt,
    'CANCEL',
    'nothing was heard of the execution: it is given to somebody else',
  );
  await takeBackLive(edit, live);
  return true;
}

function isDue(at: number | undefined, now: number): boolean {
  return at !== undefined && at <= now;
}

function holderOf({ runnerId, processUid = '' }: Attempt): string {
  return runnerId === undefined ? `the holder "${processUid}"` : `runner "${runnerId}"`;
}
