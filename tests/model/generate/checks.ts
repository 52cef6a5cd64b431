import type { Dice } from '../../fault/dice.ts';
import type { CheckWrite, FailureWrite, ResultWrite } from '../reference/requests.ts';
import { type Check, type Json, liveAttempt, type Plan } from '../reference/state.ts';
import { groupFor, type Known } from './groups.ts';
import { maybe, weighted } from './pick.ts';

const states = ['PLANNING', 'PLANNED', 'WAITING', 'FINAL'] as const;

export function json(dice: Dice): Json {
  return weighted<Json>(dice, [
    [4, { a: dice.below(3) }],
    [2, { b: { c: dice.below(2) } }],
    [1, { a: null }],
    [1, { b: { c: null, d: 1 } }],
    [1, {}],
  ]);
}

export function failure(dice: Dice): FailureWrite {
  return { message: `broken ${dice.below(2)}`, reason: dice.chance(0.5) ? '' : 'BAD' };
}

export function result(dice: Dice, plan: Plan): ResultWrite {
  const attempts = plan.stages.flatMap((stage) => {
    const live = liveAttempt(stage);
    return live === undefined ? [] : [`${stage.id}:${live.idx}`];
  });
  const isAttempts = dice.chance(0.4);
  const stale = `s${dice.below(3)}:${1 + dice.below(2)}`;
  const live = attempts.length > 0 && dice.chance(0.9) ? dice.pick(attempts) : stale;
  const ownerId = isAttempts ? live : dice.pick(['x', 'y']);
  return {
    ownerType: isAttempts ? 'stage_attempt' : 'user',
    ownerId,
    data: maybe(dice, 0.7, () => json(dice)),
    finalize: dice.chance(0.2),
    failure: maybe(dice, 0.3, () => failure(dice)),
  };
}

export function checkWrite(id: string, change: Partial<CheckWrite> = {}): CheckWrite {
  return {
    id,
    state: undefined,
    kind: '',
    options: undefined,
    dependencies: undefined,
    result: undefined,
    expectedVersion: undefined,
    ...change,
  };
}

export function newCheckWrite(dice: Dice, id: string, plan: Plan, known: Known): CheckWrite {
  const state = weighted(dice, [
    [5, undefined],
    [1, 'PLANNING'],
    [6, 'PLANNED'],
    [3, 'WAITING'],
    [1, 'FINAL'],
  ] as const);
  return checkWrite(id, {
    state,
    kind: dice.chance(0.2) ? 'unit' : '',
    options: maybe(dice, 0.2, () => json(dice)),
    dependencies: maybe(dice, 0.35, () => groupFor(dice, id, known)),
    result: maybe(dice, state === 'FINAL' || state === 'WAITING' ? 0.5 : 0.05, () => result(dice, plan)),
    expectedVersion: maybe(dice, 0.05, () => dice.below(2)),
  });
}

export function checkUpdate(dice: Dice, check: Check, plan: Plan, known: Known): CheckWrite {
  const next = { PLANNING: 'PLANNED', PLANNED: 'WAITING', WAITING: 'FINAL', FINAL: 'FINAL' } as const;
  const state = weighted(dice, [
    [3, undefined],
    [3, next[check.state]],
    [0.7, 'FINAL'],
    [1.3, dice.pick(states)],
  ] as const);
  const isOpen = check.state === 'PLANNING';
  const takes = check.state === 'WAITING' || state === 'FINAL' ? 0.6 : 0.1;
  return checkWrite(check.id, {
    state,
    kind: dice.chance(0.08) ? dice.pick(['unit', 'lint']) : '',
    options: maybe(dice, isOpen ? 0.25 : 0.05, () => json(dice)),
    dependencies: maybe(dice, isOpen ? 0.25 : 0.03, () =>
      dice.chance(0.3) ? check.dependencies : groupFor(dice, check.id, known),
    ),
    result: maybe(dice, takes, () => repeated(dice, check) ?? result(dice, plan)),
    expectedVersion: maybe(dice, 0.06, () => (dice.chance(0.7) ? check.version : dice.below(4))),
  });
}

/** A result that stands there already. */
function repeated(dice: Dice, check: Check): ResultWrite | undefined {
  const known = check.results.filter(({ ownerType }) => ownerType !== 'orchestrator');
  if (known.length === 0 || !dice.chance(0.2)) return undefined;
  const { ownerType, ownerId, data, failure: stored, finalized } = dice.pick(known);
  const { message = '', reason = '' } = stored ?? {};
  return { ownerType, ownerId, data, finalize: finalized, failure: stored && { message, reason } };
}
