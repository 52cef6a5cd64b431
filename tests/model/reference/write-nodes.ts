import { advance, takeStep } from './advance.ts';
import { parentOf } from './attempt-writes.ts';
import { cancelStage } from './cancellation.ts';
import { defineCheck, finishCheck, newCheck, requireCheckTransition } from './checks.ts';
import { hasCycle, requireTargets } from './dependencies.ts';
import { refuse, requireThat } from './refusal.ts';
import type { CheckWrite, ResultWrite, StageWrite, WriteNodes } from './requests.ts';
import { ResultOwners } from './result-owners.ts';
import { isRepeated, putResult } from './results.ts';
import {
  endWithoutAttempt,
  newStage,
  requireSameDefinition,
  requireStageTransition,
  setContinuation,
  writeStageAttempt,
} from './stage-writes.ts';
import { type Check, type CheckState, checkOf, type Plan, type Stage, type StageState, stageOf } from './state.ts';

type WrittenCheck = { readonly write: CheckWrite; readonly check: Check; readonly from: CheckState | 'NEW' };
type WrittenStage = { readonly write: StageWrite; readonly stage: Stage; readonly from: StageState | 'NEW' };

/** A part of a write that is judged after the advance of its node: once that is `ready`, or when nothing moves any more. */
type Wish = { readonly isReady: () => boolean; readonly grant: () => void };

/** All or nothing: a refusal leaves by exception, and the caller throws the draft away. The order of nodes is free. */
export function writeNodes(plan: Plan, request: WriteNodes, now: number): void {
  if (request.expectedPlanVersion !== undefined && request.expectedPlanVersion !== plan.version) {
    refuse('VERSION_MISMATCH', `plan version ${plan.version}`);
  }
  const parent = parentOf(plan, request.attempt, now);
  const owners = new ResultOwners(plan);
  const { checks, stages } = declare(plan, request, parent, now);
  for (const { check, write } of checks) {
    defineCheck(check, write);
    requireTargets(plan, write.dependencies);
  }
  for (const { stage, write, from } of stages) define(plan, stage, write, from);
  if (hasCycle(plan)) refuse('DEPENDENCY_CYCLE', 'cycle');

  const takeResult = (check: Check, result: ResultWrite) => {
    if (putResult(check, result)) owners.note(result);
  };
  for (const written of checks) finishAsWritten(plan, written, takeResult);
  for (const written of checks) planAsWritten(written);
  const results = checks.flatMap((written) => resultWish(written, takeResult));
  // Results are taken before anything ends that could make their check FINAL.
  let left = grantReady(results);
  for (const written of stages) startAsWritten(plan, written, parent, now);
  do left = grantReady(left);
  while (takeStep(plan, now));
  owners.requireLive();

  const attempts = stages.filter(concernsAttempt).map(({ stage, write }) => ({
    isReady: () => stage.state !== 'PLANNED',
    grant: () => writeStageAttempt(plan, stage, write, now),
  }));
  left = settle(plan, left, attempts, now);
  for (const { stage, write } of stages) if (write.cancel) cancelStage(plan, stage, now);
  left = settle(plan, left, [], now);
  for (const wish of left) wish.grant();
  advance(plan, now);
  owners.requireLiveOrEndedNow();
  for (const written of checks) requireWaiting(written);
  for (const written of stages) requireAttempted(written);
}

function declare(plan: Plan, request: WriteNodes, parent: Stage | undefined, now: number) {
  const checks = request.checks.map((write): WrittenCheck => {
    const known = checkOf(plan, write.id);
    requireVersion(known?.version ?? 0, write.expectedVersion);
    const check = known ?? newCheck(write.id);
    if (known === undefined) plan.checks.push(check);
    return { write, check, from: known?.state ?? 'NEW' };
  });
  const stages = request.stages.map((write): WrittenStage => {
    const known = stageOf(plan, write.id);
    requireVersion(known?.version ?? 0, write.expectedVersion);
    const stage = known ?? newStage(write, parent?.id ?? '', now);
    if (known === undefined) plan.stages.push(stage);
    return { write, stage, from: known?.state ?? 'NEW' };
  });
  return { checks, stages };
}

function requireVersion(actual: number, expected: number | undefined): void {
  if (expected !== undefined && expected !== actual)
    refuse('VERSION_MISMATCH', `expected version ${expected}, not ${actual}`);
}

function define(plan: Plan, stage: Stage, write: StageWrite, from: StageState | 'NEW'): void {
  if (from === 'NEW') {
    for (const { targetCheckId } of write.assignments) {
      if (checkOf(plan, targetCheckId) === undefined) refuse('UNKNOWN_TARGET', `no check ${targetCheckId}`);
    }
    requireTargets(plan, write.dependencies);
  } else {
    requireSameDefinition(stage, write);
  }
  setContinuation(stage, write.continuationGroup);
  requireTargets(plan, write.continuationGroup);
}

/** FINAL as written, with the result that comes along; in a cancelled plan a new check is born CANCELLED. */
function finishAsWritten(
  plan: Plan,
  { write, check, from }: WrittenCheck,
  take: (check: Check, result: ResultWrite) => void,
): void {
  if (from !== 'NEW' && write.state !== undefined) requireCheckTransition(from, write.state);
  const isBornCancelled = from === 'NEW' && plan.state === 'CANCELLED';
  if (write.state !== 'FINAL' && !isBornCancelled) return;
  if (from === 'FINAL') {
    requireRepeated(check, write.result);
  } else {
    if (write.result !== undefined) take(check, write.result);
    finishCheck(plan, check, isBornCancelled ? 'CANCELLED' : undefined);
  }
}

function requireRepeated(check: Check, result: ResultWrite | undefined): void {
  requireThat(result === undefined || isRepeated(check, result), 'NODE_FINAL', `${check.id} is FINAL`);
}

/** A new check that shall be WAITING is PLANNED first, like any other. */
function planAsWritten({ write, check }: WrittenCheck): void {
  const isAsked = write.state === 'PLANNED' || write.state === 'WAITING';
  if (isAsked && check.state === 'PLANNING') check.state = 'PLANNED';
}

/** A result that does not come with FINAL is taken once the check is WAITING. */
function resultWish(
  { write, check, from }: WrittenCheck,
  take: (check: Check, result: ResultWrite) => void,
): readonly Wish[] {
  const { result, state } = write;
  const isBornFinal = from === 'NEW' && check.state === 'FINAL';
  if (result === undefined || state === 'FINAL' || isBornFinal) return [];
  const grant = () => {
    if (check.state === 'FINAL') {
      requireRepeated(check, result);
    } else {
      requireThat(check.state === 'WAITING', 'RESULT_NOT_ACCEPTED', `${check.id} takes no result`);
      take(check, result);
    }
  };
  return [{ isReady: () => check.state === 'WAITING', grant }];
}

/** New stages in a cancelled plan, or of a cancelled parent, are born cancelled. */
function startAsWritten(
  plan: Plan,
  { write, stage, from }: WrittenStage,
  parent: Stage | undefined,
  now: number,
): void {
  requireStageTransition(from, write.state);
  if (write.state === 'FINAL' && (from === 'PLANNED' || from === 'AWAITING_GROUP')) endWithoutAttempt(stage, write);
  if (from === 'NEW' && (write.cancel || plan.state === 'CANCELLED' || parent?.cancelled))
    cancelStage(plan, stage, now);
}

function concernsAttempt({ write, from }: WrittenStage): boolean {
  if (write.currentAttempt !== undefined) return true;
  return (
    (write.state === 'FINAL' && (from === 'ATTEMPTING' || from === 'FINAL')) ||
    (write.state === 'AWAITING_GROUP' && from === 'ATTEMPTING')
  );
}

/** Grants what is ready, in the order of the list; answers what is left. */
function grantReady(wishes: readonly Wish[]): readonly Wish[] {
  const ready = wishes.filter((wish) => wish.isReady());
  for (const wish of ready) wish.grant();
  return wishes.filter((wish) => !ready.includes(wish));
}

/** Grants one wish after another, each with all that it causes, until none is ready any more. */
function settle(plan: Plan, early: readonly Wish[], late: readonly Wish[], now: number): readonly Wish[] {
  let [results, others] = [early, late];
  for (;;) {
    do results = grantReady(results);
    while (takeStep(plan, now));
    const next = others.find((wish) => wish.isReady());
    if (next === undefined) return [...results, ...others];
    others = others.filter((wish) => wish !== next);
    next.grant();
  }
}

/** A check that shall be WAITING must have got there by its dependencies. */
function requireWaiting({ write, check }: WrittenCheck): void {
  if (write.state !== 'WAITING') return;
  const isThere = check.state === 'WAITING' || (check.state === 'FINAL' && check.outcome !== 'SKIPPED');
  requireThat(isThere, 'DEPENDENCIES_OPEN', `${check.id} is ${check.state}`);
}

/** A stage that shall be ATTEMPTING must have got an attempt by its dependencies, unless it was cancelled. */
function requireAttempted({ write, stage }: WrittenStage): void {
  if (write.state !== 'ATTEMPTING') return;
  requireThat(stage.attempts.length > 0 || stage.cancelled, 'DEPENDENCIES_OPEN', `${stage.id} is ${stage.state}`);
}
