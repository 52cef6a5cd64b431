import type { Dice } from '../../fault/dice.ts';
import type { AttemptRef, CheckWrite, StageWrite, WriteNodes } from '../reference/requests.ts';
import { checkOf, type Plan, stageOf } from '../reference/state.ts';
import { checkUpdate, newCheckWrite } from './checks.ts';
import { checkIds, type Known, stageIds } from './groups.ts';
import { maybe, weighted } from './pick.ts';
import { attemptIdx, newStageWrite, stageUpdate, uids } from './stages.ts';

/** A write of one or a few nodes: mostly updates of what is there, mostly legal. */
export function writeRequest(dice: Dice, plan: Plan, runnerType: string): WriteNodes {
  const count = weighted(dice, [
    [6, 1],
    [2, 2],
    [1, 3],
    [1, 5],
  ]);
  const ids = new Set(Array.from({ length: count }, () => someNode(dice, plan)));
  const known: Known = {
    checks: [...new Set([...plan.checks.map(({ id }) => id), ...[...ids].filter((id) => id.startsWith('c'))])],
    stages: [...new Set([...plan.stages.map(({ id }) => id), ...[...ids].filter((id) => id.startsWith('s'))])],
  };
  const checks: CheckWrite[] = [];
  const stages: StageWrite[] = [];
  for (const id of ids) {
    const check = checkOf(plan, id);
    const stage = stageOf(plan, id);
    if (check !== undefined) checks.push(checkUpdate(dice, check, plan, known));
    else if (stage !== undefined) stages.push(stageUpdate(dice, stage, known));
    else if (id.startsWith('c')) checks.push(newCheckWrite(dice, id, plan, known));
    else stages.push(newStageWrite(dice, id, known, runnerType));
  }
  return {
    workPlanId: dice.chance(0.005) ? 'nowhere' : plan.id,
    checks,
    stages,
    requestId: dice.chance(0.06) ? dice.pick(['r1', 'r2', 'r3']) : '',
    reason: '',
    attempt: maybe(dice, stages.length > 0 ? 0.3 : 0.08, () => attemptRef(dice, plan)),
    expectedPlanVersion: maybe(dice, 0.04, () => (dice.chance(0.7) ? plan.version : dice.below(5))),
  };
}

/** A node that is not FINAL more often than one that is, and now and then one that does not exist yet. */
function someNode(dice: Dice, plan: Plan): string {
  const open = [...plan.checks, ...plan.stages].filter(({ state }) => state !== 'FINAL').map(({ id }) => id);
  const isNew = dice.chance(open.length < 4 ? 0.5 : 0.08);
  if (isNew || open.length === 0) return dice.chance(0.4) ? dice.pick(checkIds) : dice.pick(stageIds);
  return dice.chance(0.9) ? dice.pick(open) : dice.pick([...checkIds, ...stageIds]);
}

function attemptRef(dice: Dice, plan: Plan): AttemptRef | undefined {
  const attempting = plan.stages.filter(({ state }) => state === 'ATTEMPTING');
  const stage = attempting.length > 0 ? dice.pick(attempting) : maybe(dice, 0.05, () => plan.stages[0]);
  if (stage === undefined) return undefined;
  const last = stage.attempts.at(-1);
  const uid = weighted(dice, [
    [2, ''],
    [5, last?.processUid ?? ''],
    [0.2, dice.pick(uids)],
  ]);
  return { stageId: stage.id, attemptIdx: attemptIdx(dice, last), processUid: uid };
}
