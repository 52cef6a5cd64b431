import { advance } from './advance.ts';
import { beat, begin, failAttempt, leaveQueue } from './attempts.ts';
import { refuse } from './refusal.ts';
import { delivered, hasRoom, holds, loadOf, runnerOf, suspend } from './runners.ts';
import {
  type Attempt,
  type HandedOut,
  isLive,
  liveAttempt,
  type Plan,
  type Runner,
  type Stage,
  type World,
} from './state.ts';
import { takeBack } from './take-back.ts';

/**
 * How attempts get to runners: section 9. Which ready attempt goes to which of the runners with room is the server's
 * choice; the model is told, and judges.
 */

export type Choice = {
  readonly planId: string;
  readonly stageId: string;
  readonly attemptIdx: number;
  readonly how: HandedOut['how'];
  readonly runnerId: string;
  readonly executionId: string;
};

export type Execution = { readonly plan: Plan; readonly stage: Stage; readonly attempt: Attempt };

/** An execution by its id, whether it has ended or not; one that was taken back is none any more. */
export function executionOf(world: World, executionId: string): Execution | undefined {
  for (const plan of world.plans) {
    for (const stage of plan.stages) {
      const attempt = stage.attempts.find((one) => one.handedOut !== undefined && one.processUid === executionId);
      if (attempt !== undefined) return { plan, stage, attempt };
    }
  }
  return undefined;
}

/** Why the server may not hand out an attempt so; undefined = it may. */
export function faultOf(world: World, { planId, stageId, attemptIdx, how, runnerId }: Choice): string | undefined {
  const stage = world.plans.find(({ id }) => id === planId)?.stages.find(({ id }) => id === stageId);
  const runner = stage && runnerOf(world, runnerId, stage.runnerType);
  if (stage === undefined || runner === undefined) return `${stageId} to ${runnerId}: no such stage or runner`;
  if (liveAttempt(stage)?.idx !== attemptIdx || !isReady(world, stage)) return `${stageId} is not ready`;
  if (!hasRoom(world, runner)) return `${runnerId} has no room`;
  if (how === 'ACQUIRE') return undefined;
  if (how !== (stage.mode === 'SYNC' ? 'RUN' : 'RUN_ASYNC')) return `${stageId} is ${stage.mode}`;
  // One that was suspended at this very time may have been chosen before.
  const isSpared = runner.suspended !== undefined && runner.suspended.since < world.now;
  if (!canBeCalled(runner, stage) || isSpared) return `${runnerId} is not to be called`;
  return undefined;
}

/**
 * Among those that can be called, the one with the least load is; undefined = it was. What somebody else ended in the very
 * commit that hands out still counts for its runner, which is told to stop only then: `before` is the plan before it.
 */
export function betterFor(world: World, { planId, stageId, runnerId, how }: Choice, before: Plan): string | undefined {
  const stage = world.plans.find(({ id }) => id === planId)?.stages.find(({ id }) => id === stageId);
  const runner = stage && runnerOf(world, runnerId, stage.runnerType);
  if (stage === undefined || runner === undefined || how === 'ACQUIRE') return undefined;
  const earlier: World = { ...world, plans: [before] };
  const better = world.runners.find(
    (other) =>
      isCandidate(world, other, stage) &&
      Math.max(loadOf(world, other), loadOf(earlier, other)) < loadOf(world, runner),
  );
  return better && `${better.runnerId} has less to do than ${runnerId}`;
}

function canBeCalled({ address, modes }: Runner, stage: Stage): boolean {
  return address !== '' && modes.includes(stage.mode);
}

function isCandidate(world: World, runner: Runner, stage: Stage): boolean {
  return (
    runner.runnerType === stage.runnerType &&
    runner.suspended === undefined &&
    canBeCalled(runner, stage) &&
    hasRoom(world, runner)
  );
}

/** In its queue, and its backoff over. */
export function isReady(world: World, stage: Stage): boolean {
  const live = stage.state === 'ATTEMPTING' ? liveAttempt(stage) : undefined;
  return (
    live !== undefined && live.state === 'PENDING' && live.processUid === undefined && live.availableAt <= world.now
  );
}

/** Stages that wait although there is a runner to call: the server leaves none. */
export function leftWaiting(world: World): readonly string[] {
  return world.plans
    .flatMap(({ stages }) => stages)
    .filter((stage) => isReady(world, stage) && world.runners.some((runner) => isCandidate(world, runner, stage)))
    .map(({ id }) => `${id} waits although it has a runner`);
}

/** The reservation; an acquired attempt is RUNNING at once. */
export function handOut(world: World, { planId, stageId, how, runnerId, executionId }: Choice): void {
  const plan = world.plans.find(({ id }) => id === planId);
  const stage = plan?.stages.find(({ id }) => id === stageId);
  const attempt = stage && liveAttempt(stage);
  if (plan === undefined || stage === undefined || attempt === undefined) refuse('STAGE_NOT_FOUND', stageId);
  attempt.processUid = executionId;
  const address = runnerOf(world, runnerId, stage.runnerType)?.address ?? '';
  attempt.handedOut = { how, runnerId, address, heard: false, confirmBy: undefined };
  leaveQueue(stage, attempt, world.now);
  if (how === 'RUN') plan.marksAt ??= world.now + MARK_MS;
  if (how !== 'ACQUIRE') return;
  begin(stage, attempt, 'RUNNING', world.now);
  attempt.handedOut.confirmBy = world.now + CONFIRM_MS;
}

/** Marks of blocking calls that went out are written together, a few milliseconds later. */
const MARK_MS = 50;

/** How long an acquired attempt may go without a word. */
export const CONFIRM_MS = 30_000;

export type CallEnd = 'ACCEPTED' | 'UNDELIVERED' | 'TIMED_OUT' | 'BROKEN';

/** What came of a call, other than an answer. It is of no account once the attempt is in other hands, or has ended. */
export function endCall(world: World, { runnerId, executionId, how }: Choice, kind: CallEnd): void {
  const found = executionOf(world, executionId);
  const runner = found && runnerOf(world, runnerId, found.stage.runnerType);
  // A registration with another address has nothing to do with the old one.
  const isThere = runner !== undefined && runner.address === found?.attempt.handedOut?.address;
  if (isThere && kind === 'UNDELIVERED') suspend(world, runner);
  if (runner !== undefined && kind === 'ACCEPTED') delivered(runner);
  if (found === undefined || !isLive(found.attempt)) return;
  const { plan, stage, attempt } = found;
  const isHeard = attempt.handedOut?.heard === true;
  if (kind === 'ACCEPTED') {
    if (attempt.state === 'PENDING') begin(stage, attempt, 'SCHEDULED', world.now);
  } else if (how === 'RUN_ASYNC' && isHeard) {
    return;
  } else if (kind === 'UNDELIVERED' && !isHeard) {
    takeBack(plan, stage, attempt, world.now);
  } else {
    const reason = stopReason(stage, attempt) ?? (kind === 'TIMED_OUT' ? 'TIMEOUT' : 'RUNNER_ERROR');
    failAttempt(plan, stage, attempt, { message: undefined, reason }, world.now);
  }
  advance(plan, world.now);
}

/** Why the holder of an attempt was told to stop, if it was. */
export function stopReason(stage: Stage, attempt: Attempt): string | undefined {
  if (attempt.stopBy === undefined) return undefined;
  return stage.cancelled ? 'CANCELLED' : 'TIMEOUT';
}

/** What the process held dies with it; what runners hold stands, and gets its time to report anew. */
export function restart(world: World): void {
  for (const runner of world.runners) {
    runner.expiresAt = Math.max(runner.expiresAt, world.now + runner.ttlMs);
    runner.suspended = undefined;
    runner.suspensions = 0;
  }
  for (const plan of world.plans) {
    plan.marksAt = undefined;
    for (const stage of plan.stages) {
      const live = liveAttempt(stage);
      if (live !== undefined) restartAttempt(world, plan, stage, live);
    }
    advance(plan, world.now);
  }
}

function restartAttempt(world: World, plan: Plan, stage: Stage, attempt: Attempt): void {
  const { handedOut, heartbeatBy } = attempt;
  if (handedOut?.how === 'RUN') {
    failAttempt(plan, stage, attempt, { message: undefined, reason: 'SERVER_RESTART' }, world.now);
    return;
  }
  if (handedOut?.how === 'RUN_ASYNC' && attempt.state === 'PENDING') begin(stage, attempt, 'SCHEDULED', world.now);
  if (heartbeatBy !== undefined) {
    attempt.heartbeatBy = Math.max(heartbeatBy, world.now + stage.policy.heartbeatTimeoutMs);
  }
  if (handedOut?.confirmBy !== undefined) {
    handedOut.confirmBy = Math.max(handedOut.confirmBy, world.now + CONFIRM_MS);
  }
}

/** A runner asks for work. */
export type Acquire = {
  readonly runnerId: string;
  readonly runnerTypes: readonly string[];
  readonly maxExecutions: number;
  /** Executions that the runner says it has. */
  readonly held: readonly string[];
};

/**
 * What a runner was given and does not know of is answered again, before anything else: as many as it asks for, and which
 * of more is the server's choice: `again`. Answers all of them.
 */
export function answerAgain(
  world: World,
  { runnerId, runnerTypes, held }: Acquire,
  again: readonly string[],
): readonly string[] {
  const types = typesFor(world, runnerId, runnerTypes);
  const lost: string[] = [];
  for (const { plan, stage, attempt } of unconfirmed(world, runnerId)) {
    const executionId = attempt.processUid ?? '';
    if (held.includes(executionId)) {
      beat(stage, attempt, world.now);
    } else if (types.includes(stage.runnerType)) {
      if (attempt.stopBy === undefined) {
        if (attempt.handedOut !== undefined && again.includes(executionId)) {
          attempt.handedOut.confirmBy = world.now + CONFIRM_MS;
        }
        lost.push(executionId);
      } else {
        takeBack(plan, stage, attempt, world.now);
        advance(plan, world.now);
      }
    }
  }
  return lost;
}

/** All that the runner is registered for, or what it asks for: that must be among it. */
function typesFor(world: World, runnerId: string, asked: readonly string[]): readonly string[] {
  const registered = world.runners.filter((runner) => runner.runnerId === runnerId && holds(world, runner));
  const types = asked.length === 0 ? registered.map(({ runnerType }) => runnerType) : asked;
  const isRegistered = types.every((type) => runnerOf(world, runnerId, type) !== undefined);
  if (types.length === 0 || !isRegistered) refuse('REGISTRATION_NOT_FOUND', `${runnerId} is not registered`);
  return types;
}

/** Stages that the runner, which has room, could have been given. */
export function leftForPuller(world: World, { runnerId, runnerTypes }: Acquire): readonly string[] {
  const types = typesFor(world, runnerId, runnerTypes);
  const hasRoomFor = (stage: Stage) => {
    const runner = runnerOf(world, runnerId, stage.runnerType);
    return runner !== undefined && hasRoom(world, runner);
  };
  return world.plans
    .flatMap(({ stages }) => stages)
    .filter((stage) => types.includes(stage.runnerType) && isReady(world, stage) && hasRoomFor(stage))
    .map(({ id }) => `${id} waits although a runner asked`);
}

export function unconfirmed(world: World, runnerId: string): readonly Execution[] {
  return world.plans.flatMap((plan) =>
    plan.stages.flatMap((stage) => {
      const attempt = liveAttempt(stage);
      const isHis = attempt?.handedOut?.runnerId === runnerId && attempt.handedOut.confirmBy !== undefined;
      return attempt !== undefined && isHis ? [{ plan, stage, attempt }] : [];
    }),
  );
}
