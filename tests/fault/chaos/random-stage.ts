import { CheckState, ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import type { StageWriteInit } from '../../e2e/semantics/harness/plan.ts';
import { milliseconds } from '../../execution/harness/milliseconds.ts';
import type { Dice } from '../dice.ts';
import { RUNNER_TYPES } from './members.ts';
import { type Act, argsOf, type Script } from './script.ts';

type StageInit = Exclude<StageWriteInit, { $typeName: string }>;
/** A stage before its edges and assignments are known. */
export type StageDraft = StageInit & { readonly id: string; assignments: NonNullable<StageInit['assignments']> };

const GOALS = [CheckState.UNKNOWN, CheckState.FINAL, CheckState.PLANNED] as const;
const MODES = [ExecutionMode.SYNC, ExecutionMode.ASYNC] as const;

/** What is rare is what keeps a place at a runner busy, or the whole runner away. */
const MISHAPS: readonly (readonly [Act['end'], number])[] = [
  ['fail', 0.1],
  ['verdict', 0.02],
  ['hang', 0.03],
  ['late', 0.01],
  ['lie', 0.03],
  ['illegal', 0.03],
  ['stray', 0.03],
  ['twice', 0.06],
  ['error', 0.02],
  ['vanish', 0.01],
  ['die', 0.005],
  ['quit', 0.003],
];

/** A stage that is executed: by runners mostly, sometimes by the server itself. */
export function randomStage(dice: Dice, id: string, children?: Script['children']): StageDraft {
  const executionPolicy = randomPolicy(dice);
  if (children === undefined && dice.chance(0.1)) {
    const args = { delay: `${dice.below(50)}ms`, ...(dice.chance(0.2) ? { fail: 'it was to fail' } : {}) };
    return { id, runnerType: 'builtin/noop', args, executionPolicy, assignments: [] };
  }
  const acts = Array.from({ length: executionPolicy.maxAttempts }, () => randomAct(dice));
  return {
    id,
    runnerType: dice.pick(RUNNER_TYPES),
    executionMode: dice.pick(MODES),
    args: argsOf({ acts, ...(children === undefined ? {} : { children }) }),
    executionPolicy,
    assignments: [],
  };
}

/** Makes one to three of the stages answer for a check, at least one of them to the end. */
export function stagesAnswerFor(dice: Dice, targetCheckId: string, stages: readonly StageDraft[]): void {
  const chosen = new Set(Array.from({ length: 1 + dice.below(3) }, () => dice.pick(stages)));
  for (const [index, stage] of [...chosen].entries()) {
    const goalState = index === 0 ? CheckState.FINAL : dice.pick(GOALS);
    stage.assignments = [...stage.assignments, { targetCheckId, goalState }];
  }
}

function randomPolicy(dice: Dice) {
  return {
    maxAttempts: dice.pick([1, 2, 3, 3, 4]),
    attemptTimeout: milliseconds(dice.pick([1500, 2000, 3000])),
    heartbeatTimeout: milliseconds(dice.pick([0, 1000, 1000, 1200])),
    ...(dice.chance(0.08) ? { stageTimeout: milliseconds(3000 + dice.below(6000)) } : {}),
    backoffInitial: milliseconds(dice.below(60)),
    backoffMax: milliseconds(200),
  };
}

function randomAct(dice: Dice): Act {
  const end = randomEnd(dice);
  return {
    end,
    ms: dice.below(dice.chance(0.1) ? 1200 : 60),
    beatMs: dice.chance(0.85) ? 250 : 0,
    talks: dice.chance(0.3),
    isStubborn: end === 'late' || dice.chance(0.1),
    finds: dice.pick(['nothing', 'passed', 'passed', 'broken', 'data']),
  };
}

function randomEnd(dice: Dice): Act['end'] {
  let left = dice.next();
  for (const [end, share] of MISHAPS) {
    if (left < share) return end;
    left -= share;
  }
  return 'succeed';
}
