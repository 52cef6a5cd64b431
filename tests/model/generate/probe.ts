import type { Dice } from '../../fault/dice.ts';
import type { AttemptWrite, StageWrite, WriteNodes } from '../reference/requests.ts';
import type { Check, Plan, Stage } from '../reference/state.ts';
import { checkWrite, failure, json, result } from './checks.ts';
import { groupFor, type Known } from './groups.ts';
import { attemptWrite, definition, progress, stageWrite } from './stages.ts';

/** One thing asked of one node, whether it is legal or not: so every cell of the tables is met. */
export function probe(dice: Dice, plan: Plan): WriteNodes {
  const known: Known = { checks: plan.checks.map(({ id }) => id), stages: plan.stages.map(({ id }) => id) };
  const isOfStage = plan.checks.length === 0 || dice.chance(0.75);
  const stage = dice.chance(0.04) ? undefined : rarest(dice, plan.stages);
  const check = rarest(dice, plan.checks);
  return {
    workPlanId: plan.id,
    checks: !isOfStage && check !== undefined ? [probeCheck(dice, check, plan, known)] : [],
    stages: isOfStage ? [probeStage(dice, stage, known)] : [],
    requestId: '',
    reason: '',
    attempt: undefined,
    expectedPlanVersion: undefined,
  };
}

/** One of the nodes; states that few nodes are in come as often as others. */
function rarest<Node extends Stage | Check>(dice: Dice, nodes: readonly Node[]): Node | undefined {
  const stateOf = (node: Node) => ('attempts' in node ? `${node.state} ${node.attempts.at(-1)?.state}` : node.state);
  const states = [...new Set(nodes.map(stateOf))];
  if (states.length === 0) return undefined;
  const state = dice.pick(states);
  return dice.pick(nodes.filter((node) => stateOf(node) === state));
}

function probeCheck(dice: Dice, check: Check, plan: Plan, known: Known) {
  const event = dice.pick([
    'PLANNING',
    'PLANNED',
    'WAITING',
    'FINAL',
    'kind',
    'options',
    'dependencies',
    'result',
  ] as const);
  switch (event) {
    case 'kind':
      return checkWrite(check.id, { kind: 'unit' });
    case 'options':
      return checkWrite(check.id, { options: json(dice) });
    case 'dependencies':
      return checkWrite(check.id, { dependencies: groupFor(dice, check.id, known) });
    case 'result':
      return checkWrite(check.id, { result: result(dice, plan) });
    default:
      return checkWrite(check.id, { state: event });
  }
}

function probeStage(dice: Dice, stage: Stage | undefined, known: Known): StageWrite {
  const id = stage?.id ?? 's5';
  const states = ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL'] as const;
  const event = dice.pick([
    ...states,
    'failure',
    'group',
    'same',
    'another',
    ...Array<'attempt'>(14).fill('attempt'),
  ] as const);
  switch (event) {
    case 'failure':
      return stageWrite(id, { state: 'FINAL', failure: failure(dice) });
    case 'group':
      return stageWrite(id, { continuationGroup: groupFor(dice, id, known) });
    case 'same':
      return stage === undefined ? stageWrite(id) : stageWrite(id, definition(stage));
    case 'another':
      return stage === undefined
        ? stageWrite(id)
        : stageWrite(id, { ...definition(stage), executionMode: stage.mode === 'SYNC' ? 'ASYNC' : 'SYNC' });
    case 'attempt':
      return stageWrite(id, { currentAttempt: probeAttempt(dice, stage) });
    default:
      return stageWrite(id, { state: event });
  }
}

function probeAttempt(dice: Dice, stage: Stage | undefined): AttemptWrite {
  const last = stage?.attempts.at(-1);
  const own = last?.processUid ?? 'u1';
  const states = ['PENDING', 'SCHEDULED', 'SCHEDULED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'] as const;
  const event = dice.pick([
    ...states,
    'unclaimed',
    'uid',
    'another uid',
    'failure',
    'details',
    'progress',
    'block',
    'index',
  ] as const);
  switch (event) {
    case 'unclaimed':
      return attemptWrite({ state: 'RUNNING' });
    case 'uid':
      return attemptWrite({ processUid: own });
    case 'another uid':
      return attemptWrite({ processUid: 'u3', state: dice.chance(0.5) ? 'COMPLETE' : undefined });
    case 'failure':
      return attemptWrite({ failure: failure(dice) });
    case 'details':
      return attemptWrite({ details: json(dice) });
    case 'progress':
      return attemptWrite({ progress: progress(dice) });
    case 'block':
      return attemptWrite({ blockNewAttempts: true });
    case 'index':
      return attemptWrite({ attemptIdx: (last?.idx ?? 1) + (dice.chance(0.5) ? 1 : -1) || 2 });
    default:
      return attemptWrite({ state: event, processUid: event === 'RUNNING' ? own : '' });
  }
}
