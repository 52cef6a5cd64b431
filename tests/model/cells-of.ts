import type { Command } from './commands.ts';
import { asksOneThing } from './one-thing.ts';
import { rememberedAs } from './reference/commands.ts';
import { executionOf } from './reference/hand-out.ts';
import type { Refusal } from './reference/refusal.ts';
import type { AttemptWrite, CheckWrite, StageWrite, WriteNodes } from './reference/requests.ts';
import { type Attempt, checkOf, liveAttempt, type Plan, type Stage, stageOf, type World } from './reference/state.ts';

/**
 * The cells that a command came upon, in the world before it. A write that was refused came upon those only that it can
 * have been refused for.
 */
export function cellsAsked(
  command: Command,
  world: World,
  plan: Plan,
  refusal: Refusal | undefined,
): readonly string[] {
  switch (command.do) {
    case 'write': {
      const { request } = command;
      if (refusal === undefined) return askedByWrite(request, world, plan);
      const atOnce = refusedAtOnce(request, plan, refusal);
      if (atOnce !== undefined) return [`plan ${plan.state}: ${atOnce}`];
      return request.workPlanId === plan.id && asksOneThing(command) ? askedByWrite(request, world, plan) : [];
    }
    case 'cancelStage':
      return askedByCancel(stageOf(plan, command.stageId));
    case 'cancelPlan':
      return [`plan ${plan.state}: cancel`, ...plan.stages.map(({ state }) => `stage ${state}: cancel of the plan`)];
    case 'update':
      return askedByReport(world, command.request.executionId, 'update');
    case 'complete':
      if (refusal !== undefined && refusal.reason !== 'EXECUTION_ENDED') return [];
      return askedByReport(world, command.executionId, 'complete');
    case 'jump':
    case 'restart':
      return plan.stages
        .flatMap((stage) => liveAttempt(stage) ?? [])
        .map(({ state }) => `attempt ${state}: ${command.do}`);
    default:
      return [];
  }
}

function askedByReport(world: World, executionId: string, what: string): readonly string[] {
  const state = executionOf(world, executionId)?.attempt.state;
  return state === undefined ? [] : [`attempt ${state}: ${what}`];
}

function askedByCancel(stage: Stage | undefined): readonly string[] {
  if (stage === undefined) return [];
  const live = liveAttempt(stage);
  return [`stage ${stage.state}: cancel`, ...(live === undefined ? [] : [`attempt ${live.state}: cancel`])];
}

function askedByWrite(request: WriteNodes, world: World, plan: Plan): readonly string[] {
  const { checks, stages, requestId } = request;
  if (rememberedAs(world, plan.id, requestId) !== undefined) return [`plan ${plan.state}: repeated request`];
  const isNew =
    checks.some(({ id }) => checkOf(plan, id) === undefined) ||
    stages.some(({ id }) => stageOf(plan, id) === undefined);
  const asked = isNew ? [`plan ${plan.state}: new node`] : [];
  // Each of several nodes may see what the others have done.
  if (checks.length + stages.length !== 1) return asked;
  return [
    ...asked,
    ...checks.flatMap((write) => askedOfCheck(write, plan)),
    ...stages.flatMap((write) => askedOfStage(write, plan)),
  ];
}

/** For what a write was refused before its nodes were looked at. */
function refusedAtOnce(request: WriteNodes, plan: Plan, { reason }: Refusal): string | undefined {
  if (reason === 'REQUEST_ID_REUSED') return 'request_id reused';
  const { expectedPlanVersion = plan.version } = request;
  return reason === 'VERSION_MISMATCH' && expectedPlanVersion !== plan.version ? 'another version' : undefined;
}

function askedOfCheck(write: CheckWrite, plan: Plan): readonly string[] {
  const from = checkOf(plan, write.id)?.state ?? 'NEW';
  const asked = [
    write.state,
    write.kind && 'kind',
    write.options && 'options',
    write.dependencies && 'dependencies',
    write.result && 'result',
  ];
  return asked.filter(Boolean).map((event) => `check ${from}: ${event}`);
}

function askedOfStage(write: StageWrite, plan: Plan): readonly string[] {
  const stage = stageOf(plan, write.id);
  const from = stage?.state ?? 'NEW';
  const asked = [
    write.failure ? 'FINAL with a failure' : write.state,
    write.continuationGroup && 'continuation group',
    write.currentAttempt && 'attempt',
    definitionIn(write, stage),
  ];
  const attempt = write.currentAttempt && askedOfAttempt(write.currentAttempt, stage?.attempts.at(-1));
  const cancel = write.cancel ? (stage === undefined ? ['stage NEW: cancel'] : askedByCancel(stage)) : [];
  return [...asked.filter(Boolean).map((event) => `stage ${from}: ${event}`), ...cancel, ...(attempt ?? [])];
}

function definitionIn(write: StageWrite, stage: Stage | undefined): string | undefined {
  if (stage === undefined || write.executionMode === undefined) return undefined;
  return write.executionMode === stage.mode && write.runnerType === stage.runnerType
    ? 'same definition'
    : 'another definition';
}

function askedOfAttempt(write: AttemptWrite, last: Attempt | undefined): readonly string[] {
  const { state, processUid, failure, details, progress, blockNewAttempts, attemptIdx } = write;
  const isAnother = last?.processUid !== undefined && processUid !== '' && processUid !== last.processUid;
  const asked = [
    state === 'RUNNING' && processUid === '' ? 'RUNNING without a uid' : state,
    state === undefined && failure === undefined && processUid !== '' && 'uid',
    state === undefined && failure !== undefined && 'failure',
    details && 'details',
    progress && 'progress',
    blockNewAttempts && 'block',
    isAnother && 'another uid',
    attemptIdx !== undefined && attemptIdx !== (last?.idx ?? 0) && 'another index',
  ];
  return asked.filter(Boolean).map((event) => `attempt ${last?.state ?? 'NONE'}: ${event}`);
}

/** The moves from one state of a plan to the next. */
export function cellsMoved(before: Plan, after: Plan): readonly string[] {
  const cells: string[] = [];
  for (const check of after.checks) {
    const from = checkOf(before, check.id)?.state ?? 'NEW';
    if (from !== check.state) cells.push(`check ${from} → ${check.state}${suffix(check.outcome)}`);
  }
  for (const stage of after.stages) {
    const earlier = stageOf(before, stage.id);
    const from = earlier?.state ?? 'NEW';
    if (from !== stage.state) cells.push(`stage ${from} → ${stage.state}${suffix(stage.concludedReason)}`);
    for (const attempt of stage.attempts) {
      const was = earlier?.attempts.find(({ idx }) => idx === attempt.idx)?.state ?? 'NEW';
      if (was !== attempt.state)
        cells.push(`attempt ${was} → ${attempt.state}${suffix(howEnded(attempt, was, stage))}`);
    }
  }
  if (before.state !== after.state) cells.push(`plan ${before.state} → ${after.state}${suffix(after.outcome)}`);
  return cells;
}

function suffix(text: string | undefined): string {
  return text === undefined ? '' : ` ${text}`;
}

function howEnded({ state, failure, processUid }: Attempt, from: string, stage: Stage): string | undefined {
  if (state !== 'INCOMPLETE') return undefined;
  // Nobody had it, and it was not cut: the failure is what the server said of the one before.
  const isUnclaimed = from === 'PENDING' && processUid === undefined;
  const isInherited = isUnclaimed && stage.concludedReason === 'ATTEMPT_BLOCKED_RETRY';
  if (isInherited && failure !== undefined && failure.message === undefined) return 'like the one before';
  return failure === undefined || failure.message !== undefined ? 'as told' : failure.reason;
}
