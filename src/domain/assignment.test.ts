import { describe, expect, it } from 'vitest';
import {
  type CheckGoals,
  finalVerdict,
  type GoalState,
  noGoals,
  planningVerdict,
  withAssigned,
  withEnded,
} from './assignment.ts';
import type { Outcome } from './outcome.ts';

/** Stages as `goal:outcome`, `-` for one that is still open. */
function goalsOf(...stages: readonly (readonly [GoalState, Outcome | '-'])[]): CheckGoals {
  const assigned = stages.reduce((goals, [goal]) => withAssigned(goals, goal), noGoals);
  return stages.reduce(
    (goals, [goal, outcome], index) => (outcome === '-' ? goals : withEnded(goals, goal, `s${index}`, outcome)),
    assigned,
  );
}

const planned = (failedStageId?: string) => ({ due: 'PLANNED', failedStageId });
const final = (failedStageId?: string) => ({ due: 'FINAL', failedStageId });
const nothing = { due: undefined, failedStageId: undefined };

describe('a check in PLANNING', () => {
  it.each([
    ['nothing is assigned', goalsOf(), nothing],
    ['a stage with goal PLANNED is open', goalsOf(['PLANNED', '-']), nothing],
    ['all with goal PLANNED succeeded', goalsOf(['PLANNED', 'SUCCEEDED'], ['FINAL', '-']), planned()],
    [
      'one with goal PLANNED failed while others are open',
      goalsOf(['PLANNED', '-'], ['PLANNED', 'FAILED']),
      final('s1'),
    ],
    ['one with goal PLANNED was cancelled', goalsOf(['PLANNED', 'CANCELLED'], ['PLANNED', '-']), final('s0')],
    ['all with goal PLANNED were skipped', goalsOf(['PLANNED', 'SKIPPED']), final('s0')],
    ['one skipped, one succeeded', goalsOf(['PLANNED', 'SKIPPED'], ['PLANNED', 'SUCCEEDED']), planned()],
    ['goal FINAL is due: it starts by PLANNED', goalsOf(['FINAL', 'SUCCEEDED']), planned()],
    ['goal FINAL is due and failed: it still walks', goalsOf(['FINAL', 'FAILED']), planned()],
    ['a stage with goal FINAL is open', goalsOf(['FINAL', 'SUCCEEDED'], ['FINAL', '-']), nothing],
  ])('%s', (_name, goals, verdict) => {
    expect(planningVerdict(goals)).toEqual(verdict);
  });
});

describe('a check in WAITING', () => {
  it.each([
    ['no stage names FINAL', goalsOf(['PLANNED', 'SUCCEEDED']), nothing],
    ['all ended well', goalsOf(['FINAL', 'SUCCEEDED'], ['PLANNED', 'SUCCEEDED']), final()],
    ['a stage with goal PLANNED is still open', goalsOf(['FINAL', 'SUCCEEDED'], ['PLANNED', '-']), nothing],
    ['one failed', goalsOf(['FINAL', 'SUCCEEDED'], ['FINAL', 'FAILED']), final('s1')],
    ['one was cancelled', goalsOf(['FINAL', 'CANCELLED'], ['FINAL', 'SUCCEEDED']), final('s0')],
    ['skipped beside a success', goalsOf(['FINAL', 'SKIPPED'], ['FINAL', 'SUCCEEDED']), final()],
    ['all were skipped', goalsOf(['FINAL', 'SKIPPED'], ['FINAL', 'SKIPPED']), final('s0')],
  ])('%s', (_name, goals, verdict) => {
    expect(finalVerdict(goals)).toEqual(verdict);
  });
});
