import { refuse } from './refusal.ts';
import type { Register } from './requests.ts';
import { isLive, type Runner, type World } from './state.ts';

/** Registrations of runners: section 9. */

const SUSPENSION_MS = 1000;
const LONGEST_SUSPENSION_MS = 60_000;

export function holds(world: World, runner: Runner): boolean {
  return runner.expiresAt > world.now;
}

export function runnerOf(world: World, runnerId: string, runnerType: string): Runner | undefined {
  return world.runners.find(
    (runner) => runner.runnerId === runnerId && runner.runnerType === runnerType && holds(world, runner),
  );
}

/** A renewal takes the place of the earlier registration; another address ends a suspension. */
export function register(world: World, registrationId: string, request: Register): void {
  const { runnerId, runnerType, address, supportedModes, maxConcurrent, ttlMs } = request;
  const earlier = runnerOf(world, runnerId, runnerType);
  const isSame = earlier?.address === address;
  world.runners = world.runners.filter((other) => other.runnerId !== runnerId || other.runnerType !== runnerType);
  world.runners.push({
    registrationId,
    runnerId,
    runnerType,
    address,
    modes: supportedModes,
    maxConcurrent,
    ttlMs,
    expiresAt: world.now + ttlMs,
    suspended: isSame ? earlier.suspended : undefined,
    suspensions: isSame ? earlier.suspensions : 0,
  });
}

export function unregister(world: World, registrationId: string): void {
  const known = world.runners.find((runner) => runner.registrationId === registrationId && holds(world, runner));
  if (known === undefined) refuse('REGISTRATION_NOT_FOUND', `no registration ${registrationId}`);
  world.runners = world.runners.filter((runner) => runner !== known);
}

/** Load is derived from what a runner has, and from nothing else. */
export function loadOf(world: World, { runnerId, runnerType }: Runner): number {
  return world.plans
    .flatMap(({ stages }) => stages)
    .filter((stage) => stage.runnerType === runnerType)
    .flatMap(({ attempts }) => attempts)
    .filter((attempt) => isLive(attempt) && attempt.handedOut?.runnerId === runnerId).length;
}

export function hasRoom(world: World, runner: Runner): boolean {
  return holds(world, runner) && (runner.maxConcurrent === 0 || loadOf(world, runner) < runner.maxConcurrent);
}

/** A call could not be delivered: 1 s, doubling to 1 min. */
export function suspend(world: World, runner: Runner): void {
  if (runner.suspended !== undefined) return;
  const ms = Math.min(SUSPENSION_MS * 2 ** runner.suspensions, LONGEST_SUSPENSION_MS);
  runner.suspended = { since: world.now, until: world.now + ms };
  runner.suspensions += 1;
}

export function delivered(runner: Runner): void {
  if (runner.suspended === undefined) runner.suspensions = 0;
}

/** Registrations that have expired are no more; runners whose time of suspension is over answer the ping. */
export function tendRunners(world: World): void {
  world.runners = world.runners.filter((runner) => holds(world, runner));
  for (const runner of world.runners) {
    if (runner.suspended !== undefined && runner.suspended.until <= world.now) runner.suspended = undefined;
  }
}
