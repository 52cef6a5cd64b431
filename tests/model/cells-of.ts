import type { Command } from './commands.ts';
import { executionOf } from './reference/hand-out.ts';
import { canonical } from './reference/json.ts';
import type { AttemptWrite, CheckWrite, StageWrite, WriteNodes } from './reference/requests.ts';
import { type Attempt, checkOf, liveAttempt, type Plan, type Stage, stageOf, type World } from './reference/state.ts';

/** The cells that a command comes upon, in the world before it. */
export function cellsAsked(command: Command, world: World, plan: Plan): readonly string[] {
  switch (command.do) {
    case 'write':
      return askedByWrite(command.request, world, plan);
    case 'cancelStage':
      return askedByCancel(stageOf(plan, command.stageId));
    case 'cancelPlan':
      return [`plan ${plan.state}: cancel`, ...plan.stages.map(({ state }) => `stage ${state}: cancel of the plan`)];
    case 'update':
      return askedByReport(world, command.request.executionId, 'update');
    case 'complete':
      return askedByReport(world, command.executionId, 'complete');
    case 'restart':
      return plan.stages.map((stage) => `attempt ${liveAttempt(stage)?.state}: restart`);
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
  const { checks, stages, requestId, expectedPlanVersion } = request;
  const isNew =
    checks.some(({ id }) => checkOf(plan, id) === undefined) ||
    stages.some(({ id }) => stageOf(plan, id) === undefined);
  const known = world.requests.find((earlier) => earlier.planId === plan.id && earlier.requestId === requestId);
  const cells = [
    [isNew, 'new node'],
    [expectedPlanVersion !== undefined && expectedPlanVersion !== plan.version, 'another version'],
    [known !== undefined && known.body !== canonical(request), 'request_id reused'],
    [known !== undefined && known.body === canonical(request), 'repeated request'],
  ] as const;
  const asked = cells.filter(([holds]) => holds).map(([, cell]) => `plan ${plan.state}: ${cell}`);
  // Of several nodes one may be refused before the others are looked at.
  if (known !== undefined || checks.length + stages.length !== 1) return asked;
  return [
    ...asked,
    ...checks.flatMap((write) => askedOfCheck(write, plan)),
    ...stages.flatMap((write) => askedOfStage(write, plan)),
  ];
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
      if (was !== attempt.state) cells.push(`attempt ${was} → ${attempt.state}${suffix(howEnded(attempt))}`);
    }
  }
  if (before.state !== after.state) cells.push(`plan ${before.state} → ${after.state}${suffix(after.outcome)}`);
  return cells;
}

function suffix(text: string | undefined): string {
  return text === undefined ? '' : ` ${text}`;
}

function howEnded({ state, failure }: Attempt): string | undefined {
  if (state !== 'INCOMPLETE') return undefined;
  return failure === undefined || failure.message !== undefined ? 'as told' : failure.reason;
}
