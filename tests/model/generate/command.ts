import { Dice } from '../../fault/dice.ts';
import type { Command } from '../commands.ts';
import { planOf } from '../reference/commands.ts';
import type { Answer, Update, WriteNodes } from '../reference/requests.ts';
import { liveAttempt, type Plan, type World } from '../reference/state.ts';
import { deadlinesOf, nextDue, PATIENCE_MS } from '../reference/timers.ts';
import { stageIds } from './groups.ts';
import { weighted } from './pick.ts';
import { probe } from './probe.ts';
import { answerOf, callOutcome, manners, registration, report, runnerIds, someExecution } from './runners.ts';
import { writeRequest } from './writes.ts';

/** The next command of a run: what a number stands for in a given world; `sent` are writes that may be repeated. */
export function commandFor(seed: number, world: World, planId: string, sent: readonly WriteNodes[]): Command {
  const dice = new Dice(seed);
  const plan = planOf(world, planId);
  const runnerType = `build of ${planId}`;
  const isAnyHandedOut = plan.stages.some(({ attempts }) => attempts.some(({ handedOut }) => handedOut !== undefined));
  const kind = weighted(dice, [
    [52, 'write'],
    [plan.stages.length < 3 ? 0 : 14, 'probe'],
    [sent.length > 0 ? 1 : 0, 'again'],
    [2.5, 'cancelStage'],
    [0.3, 'cancelPlan'],
    [world.runners.length < 2 ? 4 : 1, 'register'],
    [0.5, 'unregister'],
    [1, 'manners'],
    [world.runners.length > 0 ? 4 : 0.3, 'acquire'],
    [isAnyHandedOut ? 5 : 0.2, 'update'],
    [isAnyHandedOut ? 4 : 0.2, 'complete'],
    [isAnyHandedOut ? 6 : 0, 'endCall'],
    [12, 'tick'],
    [2, 'jump'],
    [1, 'restart'],
  ] as const);
  switch (kind) {
    case 'write':
      return { do: kind, request: writeRequest(dice, plan, runnerType) };
    case 'probe':
      return { do: 'write', request: probe(dice, plan) };
    case 'again':
      return { do: 'write', request: dice.pick(sent) };
    case 'cancelStage':
      return { do: kind, stageId: dice.pick(stageIds) };
    case 'cancelPlan':
      return { do: kind };
    case 'register':
      return { do: kind, request: registration(dice, planId, runnerType) };
    case 'unregister':
      return { do: kind, registrationId: dice.pick([...world.runners.map((one) => one.registrationId), 'none']) };
    case 'manners':
      return { do: kind, manners: manners(dice) };
    case 'acquire':
      return { do: kind, ...acquisition(dice, world, planId, runnerType) };
    case 'update':
      return { do: kind, request: report(dice, someExecution(dice, world)) };
    case 'complete':
      return { do: kind, ...completion(dice, world, plan) };
    case 'endCall':
      return { do: kind, turn: dice.below(3), outcome: callOutcome(dice, plan) };
    case 'tick':
      return { do: kind, ms: tickOf(dice, world) };
    case 'jump':
      return { do: kind, ms: jumpOf(dice, world), heard: heard(dice, world) };
    case 'restart':
      return {
        do: kind,
        awayMs: weighted(dice, [
          [3, 0],
          [1, dice.below(20_000)],
          [0.3, 3_600_000],
        ]),
      };
  }
}

function acquisition(dice: Dice, world: World, planId: string, runnerType: string) {
  const [, , puller = ''] = runnerIds(planId);
  const runnerId = dice.chance(0.85) ? puller : dice.pick(runnerIds(planId));
  return {
    runnerId,
    runnerTypes: dice.chance(0.7) ? [] : [runnerType],
    maxExecutions: 1 + dice.below(3),
    held: dice.chance(0.4) ? [someExecution(dice, world)] : [],
  };
}

/** An answer, or one that ended an execution once more. */
function completion(dice: Dice, world: World, plan: Plan): { readonly executionId: string; readonly answer: Answer } {
  const given = plan.stages.flatMap(({ attempts }) => attempts).filter(({ answer }) => answer !== undefined);
  if (given.length > 0 && dice.chance(0.12)) {
    const { processUid = '', answer = '' } = dice.pick(given);
    const parsed: Answer = JSON.parse(answer);
    const { stageState, checkUpdates, failure, details } = parsed;
    const full = checkUpdates.map(({ checkId, state, data, finalize, failure: each }) => ({
      checkId,
      state,
      data,
      finalize,
      failure: each,
    }));
    return { executionId: processUid, answer: { stageState, checkUpdates: full, failure, details } };
  }
  return { executionId: someExecution(dice, world), answer: answerOf(dice, plan) };
}

/**
 * A jump to a time with no deadline close to it: how late the server notices those that have passed only just is up to it.
 */
function jumpOf(dice: Dice, world: World): number {
  let end = world.now + tickOf(dice, world) + dice.pick([0, 2000, 10_000]);
  for (const deadline of deadlinesOf(world).toSorted((a, b) => a - b)) {
    const isClose = deadline > end - PATIENCE_MS && deadline <= end + PATIENCE_MS;
    if (isClose) end = deadline + PATIENCE_MS;
  }
  return end - world.now;
}

function heard(dice: Dice, world: World): readonly Update[] {
  const isAny = world.plans.some(({ stages }) => stages.some((stage) => liveAttempt(stage)?.handedOut !== undefined));
  return isAny && dice.chance(0.5) ? [report(dice, someExecution(dice, world))] : [];
}

function tickOf(dice: Dice, world: World): number {
  const due = nextDue(world);
  return weighted(dice, [
    [5, due === undefined ? 1 : due - world.now],
    [4, 1 + dice.below(1500)],
    [2, 1 + dice.below(15_000)],
    [0.3, 400_000],
    [0.1, 90_000_000],
  ]);
}
