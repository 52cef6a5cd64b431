import type { Dice } from '../../fault/dice.ts';
import type { AttemptWrite, PolicyWrite, ProgressWrite, StageWrite } from '../reference/requests.ts';
import { type Assignment, type Attempt, liveAttempt, type Stage } from '../reference/state.ts';
import { failure, json } from './checks.ts';
import { checkIds, groupFor, type Known } from './groups.ts';
import { maybe, weighted } from './pick.ts';

export const uids = ['u1', 'u2'] as const;
const stageStates = ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL'] as const;
const attemptStates = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'] as const;

export function stageWrite(id: string, change: Partial<StageWrite> = {}): StageWrite {
  return {
    id,
    state: undefined,
    args: undefined,
    assignments: [],
    dependencies: undefined,
    currentAttempt: undefined,
    executionMode: undefined,
    runnerType: '',
    expectedVersion: undefined,
    executionPolicy: undefined,
    continuationGroup: undefined,
    cancel: false,
    failure: undefined,
    ...change,
  };
}

export function newStageWrite(dice: Dice, id: string, known: Known, runnerType: string): StageWrite {
  const state = weighted(dice, [
    [10, undefined],
    [1, 'PLANNED'],
    [2, 'ATTEMPTING'],
    [0.2, 'AWAITING_GROUP'],
    [0.2, 'FINAL'],
  ] as const);
  const isRemote = dice.chance(0.45);
  return stageWrite(id, {
    state,
    args: maybe(dice, 0.15, () => json(dice)),
    assignments: assignments(dice, known),
    dependencies: maybe(dice, 0.35, () => groupFor(dice, id, known)),
    currentAttempt: maybe(dice, state === 'ATTEMPTING' ? 0.5 : 0.06, () => someAttemptWrite(dice, undefined)),
    executionMode: maybe(dice, isRemote ? 0.6 : 0.1, () => dice.pick(['SYNC', 'ASYNC'])),
    runnerType: isRemote ? runnerType : '',
    expectedVersion: maybe(dice, 0.05, () => dice.below(2)),
    executionPolicy: maybe(dice, 0.5, () => policy(dice)),
    continuationGroup: maybe(dice, 0.12, () => groupFor(dice, id, known)),
    cancel: dice.chance(0.02),
  });
}

function assignments(dice: Dice, known: Known): readonly Assignment[] {
  if (!dice.chance(0.45)) return [];
  const pool = known.checks.length > 0 && dice.chance(0.97) ? known.checks : checkIds;
  const targets = new Set(Array.from({ length: 1 + dice.below(2) }, () => dice.pick(pool)));
  return [...targets].map((targetCheckId) => ({ targetCheckId, goalState: dice.chance(0.35) ? 'PLANNED' : 'FINAL' }));
}

function policy(dice: Dice): PolicyWrite {
  return {
    maxAttempts: maybe(dice, 0.5, () => 1 + dice.below(3)),
    attemptTimeoutMs: maybe(dice, 0.4, () => dice.pick([5000, 20_000])),
    heartbeatTimeoutMs: maybe(dice, 0.4, () => dice.pick([0, 1000, 4000])),
    stageTimeoutMs: maybe(dice, 0.35, () => dice.pick([0, 9000, 30_000])),
    backoffInitialMs: maybe(dice, 0.5, () => dice.pick([0, 100, 1000])),
    backoffMultiplier: maybe(dice, 0.3, () => dice.pick([1, 2, 3])),
    backoffMaxMs: maybe(dice, 0.2, () => dice.pick([50, 2000])),
  };
}

export function stageUpdate(dice: Dice, stage: Stage, known: Known): StageWrite {
  const isAttempting = stage.state === 'ATTEMPTING';
  const what = weighted(dice, [
    [isAttempting ? 12 : 1, 'attempt'],
    [4, 'state'],
    [0.6, 'both'],
    [1, 'definition'],
    [1, 'continuation'],
    [0.4, 'cancel'],
  ] as const);
  const next = {
    PLANNED: 'ATTEMPTING',
    ATTEMPTING: 'AWAITING_GROUP',
    AWAITING_GROUP: 'FINAL',
    FINAL: 'FINAL',
  } as const;
  const state =
    what === 'state' || what === 'both'
      ? weighted(dice, [
          [3, next[stage.state]],
          [2, 'FINAL'],
          [2, dice.pick(stageStates)],
        ] as const)
      : undefined;
  return stageWrite(stage.id, {
    state,
    currentAttempt: what === 'attempt' || what === 'both' ? someAttemptWrite(dice, stage) : undefined,
    failure: state === 'FINAL' ? maybe(dice, 0.25, () => failure(dice)) : undefined,
    ...(what === 'definition' ? changedDefinition(dice, stage, known) : {}),
    continuationGroup:
      what === 'continuation'
        ? (maybe(dice, 0.2, () => stage.continuation) ?? groupFor(dice, stage.id, known))
        : undefined,
    cancel: what === 'cancel',
    expectedVersion: maybe(dice, 0.05, () => (dice.chance(0.7) ? stage.version : dice.below(4))),
  });
}

/** The creation again, as it was or with something changed. */
function changedDefinition(dice: Dice, stage: Stage, known: Known): Partial<StageWrite> {
  const change = dice.below(8);
  const same = definition(stage);
  return {
    ...same,
    args: change === 0 ? json(dice) : same.args,
    assignments: change === 1 ? assignments(dice, known) : stage.assignments,
    dependencies: change === 2 ? groupFor(dice, stage.id, known) : same.dependencies,
    executionMode: change === 3 ? 'ASYNC' : same.executionMode,
    runnerType: change === 4 ? 'other' : stage.runnerType,
    executionPolicy: change === 5 ? policy(dice) : same.executionPolicy,
  };
}

/** The creation again. */
export function definition({
  args,
  assignments: assigned,
  dependencies,
  mode,
  runnerType,
  policy: stored,
}: Stage): Partial<StageWrite> {
  return { args, assignments: assigned, dependencies, executionMode: mode, runnerType, executionPolicy: stored };
}

export function attemptWrite(change: Partial<AttemptWrite>): AttemptWrite {
  return {
    state: undefined,
    processUid: '',
    details: undefined,
    progress: undefined,
    failure: undefined,
    blockNewAttempts: false,
    attemptIdx: undefined,
    ...change,
  };
}

/** A write to a stage's attempt; the names are right most of the time. */
function someAttemptWrite(dice: Dice, stage: Stage | undefined): AttemptWrite {
  const last = stage?.attempts.at(-1);
  const live = stage === undefined ? undefined : liveAttempt(stage);
  const holder = last?.processUid;
  const processUid = weighted(dice, [
    [3, ''],
    [6, holder ?? dice.pick(uids)],
    [0.6, dice.pick(uids)],
  ]);
  const isOwn = stage?.runnerType !== '' && dice.chance(0.6);
  const state = isOwn
    ? undefined
    : weighted(dice, [
        [4, undefined],
        [2, 'RUNNING'],
        [live === undefined ? 0.5 : 1.6, 'COMPLETE'],
        [live === undefined ? 0.5 : 1.6, 'INCOMPLETE'],
        [1, dice.pick(attemptStates)],
        [live === undefined ? 2 : 0, last?.state],
      ] as const);
  return {
    state,
    processUid: state === 'RUNNING' && dice.chance(0.7) ? (holder ?? dice.pick(uids)) : processUid,
    details: maybe(dice, 0.2, () => json(dice)),
    progress: maybe(dice, 0.15, () => progress(dice)),
    failure:
      state === 'INCOMPLETE'
        ? maybe(dice, 0.7, () => failure(dice))
        : maybe(dice, state === undefined && !isOwn ? 0.06 : 0, () => failure(dice)),
    blockNewAttempts: dice.chance(0.08),
    attemptIdx: maybe(dice, 0.5, () => attemptIdx(dice, last)),
  };
}

export function attemptIdx(dice: Dice, last: Attempt | undefined): number {
  return dice.chance(0.92) ? (last?.idx ?? 1) : 1 + dice.below(3);
}

export function progress(dice: Dice): ProgressWrite {
  return {
    message: `step ${dice.below(2)}`,
    percent: maybe(dice, 0.4, () => dice.pick([10, 50])),
    details: maybe(dice, 0.15, () => json(dice)),
    idempotencyKey: dice.chance(0.5) ? dice.pick(['k1', 'k2']) : '',
    timestamp: undefined,
  };
}
