import { advance } from './advance.ts';
import { begin, failAttempt } from './attempts.ts';
import { stopAttempt } from './cancellation.ts';
import { type Attempt, liveAttempt, type Plan, type Runner, type Stage, type World } from './state.ts';
import { takeBack } from './take-back.ts';

/** Time: sections 4 and 8. A commit of its own for each thing that is due. */

/** How long the server, when it comes late to a deadline, waits for what was sent to it meanwhile. */
export const PATIENCE_MS = 1000;

/** The deadlines of all attempts and stages. */
export function deadlinesOf(world: World): readonly number[] {
  const times = world.plans.flatMap(({ stages }) =>
    stages.flatMap((stage) => {
      const live = liveAttempt(stage);
      return [stageDue(stage), ...(live === undefined ? [] : deadlines(live))];
    }),
  );
  return times.filter((time) => time !== undefined);
}

/** The next time after now at which something is due, if any: what a clock that moves on must not jump over. */
export function nextDue(world: World): number | undefined {
  const times = [
    ...world.plans.flatMap((plan) => plan.stages.flatMap(dueTimes)),
    ...world.runners.flatMap(runnerTimes),
  ];
  const later = times.filter((time) => time !== undefined && time > world.now);
  return later.length === 0 ? undefined : Math.min(...later.filter((time) => time !== undefined));
}

function runnerTimes({ expiresAt, suspended }: Runner) {
  return [expiresAt, suspended?.until];
}

function dueTimes(stage: Stage): readonly (number | undefined)[] {
  const live = liveAttempt(stage);
  return [stageDue(stage), ...(live === undefined ? [] : [live.availableAt, ...deadlines(live)])];
}

function stageDue({ state, timedOut, policy, createdAt }: Stage): number | undefined {
  const isOff = state === 'FINAL' || timedOut || policy.stageTimeoutMs === 0;
  return isOff ? undefined : createdAt + policy.stageTimeoutMs;
}

function deadlines({ stopBy, deadline, heartbeatBy, handedOut }: Attempt): readonly (number | undefined)[] {
  return [stopBy, deadline, heartbeatBy, handedOut?.confirmBy];
}

/** Acts on one thing of a plan that is due; false = there is none. */
export function fireOne(plan: Plan, now: number, isPatient: boolean): boolean {
  if (plan.marksAt !== undefined && plan.marksAt <= now) {
    markCalled(plan, now);
    return true;
  }
  if (isPatient) return false;
  const isDue = (time: number | undefined) => time !== undefined && time <= now;
  for (const stage of plan.stages) {
    const live = liveAttempt(stage);
    if (live === undefined || !deadlines(live).some(isDue)) continue;
    meetDeadline(plan, stage, live, now);
    advance(plan, now);
    return true;
  }
  const late = plan.stages.find((stage) => isDue(stageDue(stage)));
  if (late === undefined) return false;
  timeOutStage(plan, late, now);
  advance(plan, now);
  return true;
}

/** Section 9: an attempt is RUNNING once its blocking call went out. */
function markCalled(plan: Plan, now: number): void {
  plan.marksAt = undefined;
  for (const stage of plan.stages) {
    const live = liveAttempt(stage);
    if (live?.handedOut?.how === 'RUN' && live.state === 'PENDING') begin(stage, live, 'RUNNING', now);
  }
}

function meetDeadline(plan: Plan, stage: Stage, live: Attempt, now: number): void {
  const isDue = (time: number | undefined) => time !== undefined && time <= now;
  const fail = (reason: string) => failAttempt(plan, stage, live, { message: undefined, reason }, now);
  if (isDue(live.stopBy)) fail(stage.cancelled ? 'CANCELLED' : 'TIMEOUT');
  else if (isDue(live.deadline)) fail('TIMEOUT');
  else if (isDue(live.heartbeatBy)) fail('HEARTBEAT_LOST');
  else takeBack(plan, stage, live, now);
}

function timeOutStage(plan: Plan, stage: Stage, now: number): void {
  stage.timedOut = true;
  switch (stage.state) {
    case 'PLANNED':
      stage.ownOutcome = 'FAILED';
      stage.concludedReason = 'STAGE_TIMEOUT';
      stage.state = 'FINAL';
      return;
    case 'AWAITING_GROUP':
      stage.concludedReason = 'STAGE_TIMEOUT';
      stage.state = 'FINAL';
      return;
    case 'ATTEMPTING':
      stopAttempt(plan, stage, 'TIMEOUT', now);
      return;
    case 'FINAL':
      return;
  }
}
