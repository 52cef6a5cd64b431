import type { RunOutcome } from '../../../src/service/execution/runner-calls.ts';
import type { Dice } from '../../fault/dice.ts';
import type { Manners } from '../commands.ts';
import { addressOf } from '../played-runners.ts';
import type { Answer, CheckUpdate, Register, Update } from '../reference/requests.ts';
import { isLive, type Plan, type World } from '../reference/state.ts';
import { failure, json } from './checks.ts';
import { checkIds } from './groups.ts';
import { maybe, weighted } from './pick.ts';

/** Three runners of a run; the last one only pulls, most of the time. */
export function runnerIds(planId: string): readonly string[] {
  return ['a', 'b', 'puller'].map((name) => `${name} of ${planId}`);
}

export function registration(dice: Dice, planId: string, runnerType: string): Register {
  const runnerId = dice.pick(runnerIds(planId));
  const pulls = runnerId.startsWith('puller') !== dice.chance(0.1);
  return {
    runnerId,
    runnerType,
    address: pulls ? '' : addressOf(runnerId, dice.chance(0.9) ? 1 : 2),
    supportedModes: weighted(dice, [
      [4, ['SYNC', 'ASYNC']],
      [1, ['SYNC']],
      [1, ['ASYNC']],
    ] as const),
    maxConcurrent: dice.pick([0, 1, 2]),
    ttlMs: weighted(dice, [
      [1, 2000],
      [2, 30_000],
      [5, 600_000],
    ]),
  };
}

export function manners(dice: Dice): Manners {
  return {
    run: weighted(dice, [
      [8, 'HOLD'],
      [1, 'UNDELIVERED'],
      [1, 'BROKEN'],
      [0.5, 'TIMED_OUT'],
    ] as const),
    runAsync: weighted(dice, [
      [8, 'ACCEPTED'],
      [1, 'UNDELIVERED'],
      [1, 'BROKEN'],
      [0.5, 'TIMED_OUT'],
    ] as const),
  };
}

/** The execution of an attempt, a live one most of the time. */
export function someExecution(dice: Dice, world: World): string {
  const attempts = world.plans
    .flatMap(({ stages }) => stages)
    .flatMap((stage) => stage.attempts)
    .filter(({ handedOut }) => handedOut !== undefined);
  const live = attempts.filter(isLive);
  const offered = live.filter(({ state }) => state === 'SCHEDULED');
  if (offered.length > 0 && dice.chance(0.3)) return dice.pick(offered).processUid ?? '';
  const pool = live.length > 0 && dice.chance(0.85) ? live : attempts;
  if (pool.length === 0 || dice.chance(0.02)) return 'nobody knows';
  return dice.pick(pool).processUid ?? '';
}

export function report(dice: Dice, executionId: string): Update {
  const isSilent = dice.chance(0.4);
  return {
    executionId,
    message: isSilent
      ? ''
      : weighted(dice, [
          [1, ''],
          [1, 'on it'],
        ]),
    progressPercent: isSilent ? 0 : dice.pick([0, 20, 80]),
    details: isSilent ? undefined : maybe(dice, 0.3, () => json(dice)),
  };
}

/** The answer of the execution; now and then the one that it gave before. */
export function answerOf(dice: Dice, plan: Plan): Answer {
  const known = plan.checks.map(({ id }) => id);
  const targets = new Set(
    Array.from({ length: dice.below(3) }, () => dice.pick(known.length > 0 && dice.chance(0.98) ? known : checkIds)),
  );
  return {
    stageState: weighted(dice, [
      [4, undefined],
      [1, 'FINAL'],
      [1, 'AWAITING_GROUP'],
    ] as const),
    checkUpdates: [...targets].map((checkId) => checkChange(dice, plan, checkId)),
    failure: maybe(dice, 0.3, () => failure(dice)),
    details: maybe(dice, 0.2, () => json(dice)),
  };
}

function checkChange(dice: Dice, plan: Plan, checkId: string): CheckUpdate {
  const isWaiting = plan.checks.some(({ id, state }) => id === checkId && state === 'WAITING');
  const state = weighted(dice, [
    [2, undefined],
    [4, 'FINAL'],
    [1, 'WAITING'],
    [0.6, 'PLANNED'],
    [0.1, 'PLANNING'],
  ] as const);
  const takes = isWaiting || state === 'FINAL' ? 0.7 : 0.25;
  return {
    checkId,
    state,
    data: maybe(dice, takes, () => json(dice)),
    finalize: dice.chance(0.15 * takes),
    failure: maybe(dice, 0.3 * takes, () => failure(dice)),
  };
}

export function callOutcome(dice: Dice, plan: Plan): RunOutcome {
  const kind = weighted(dice, [
    [7, 'ANSWERED'],
    [1.5, 'UNDELIVERED'],
    [1, 'BROKEN'],
    [0.7, 'TIMED_OUT'],
  ] as const);
  return kind === 'ANSWERED' ? { kind, answer: answerOf(dice, plan) } : { kind, message: 'as the test wants it' };
}
