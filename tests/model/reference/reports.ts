import { advance, takeStep } from './advance.ts';
import { addProgress } from './attempt-writes.ts';
import { beat, begin, completeAttempt, failAttempt, wouldRetry } from './attempts.ts';
import { finishCheck, requireCheckTransition } from './checks.ts';
import { type Choice, type Execution, executionOf, stopReason } from './hand-out.ts';
import { canonical, mergedOrSame } from './json.ts';
import { refuse, requireThat } from './refusal.ts';
import type { Answer, CheckUpdate, Update } from './requests.ts';
import { ATTEMPT_OWNER, attemptOwner, putResult } from './results.ts';
import { delivered, runnerOf } from './runners.ts';
import { type Check, checkOf, isLive, type World } from './state.ts';

/** What runners say: section 9. */

function knownExecution(world: World, executionId: string): Execution {
  return executionOf(world, executionId) ?? refuse('EXECUTION_NOT_FOUND', `no execution ${executionId}`);
}

/** A sign of life, with what the execution has to say. */
export function update(world: World, { executionId, message, progressPercent, details }: Update): void {
  const { stage, attempt } = knownExecution(world, executionId);
  requireThat(isLive(attempt), 'EXECUTION_ENDED', `${executionId} has ended`);
  hear(world, { stage, attempt });
  if (details !== undefined) attempt.details = mergedOrSame(attempt.details, details);
  const percent = progressPercent === 0 ? undefined : progressPercent;
  attempt.progressPercent = percent ?? attempt.progressPercent;
  if (message !== '') {
    addProgress(attempt, { message, percent, details: undefined, idempotencyKey: '', timestamp: undefined });
  }
}

function hear(world: World, { stage, attempt }: Pick<Execution, 'stage' | 'attempt'>): void {
  if (attempt.state !== 'RUNNING') begin(stage, attempt, 'RUNNING', world.now);
  beat(stage, attempt, world.now);
  if (attempt.handedOut !== undefined) attempt.handedOut.heard = true;
}

/** The end of an execution. The answer that ended it may be repeated; any other comes too late. */
export function complete(world: World, executionId: string, answer: Answer): void {
  const execution = knownExecution(world, executionId);
  if (isLive(execution.attempt)) conclude(world, execution, answer);
  else requireThat(execution.attempt.answer === canonical(answer), 'EXECUTION_ENDED', `${executionId} has ended`);
}

/** Check updates, the end of the attempt and the advance of the stage at once, or not at all. */
export function conclude(world: World, execution: Execution, answer: Answer): void {
  const { plan, stage, attempt } = execution;
  const { now } = world;
  hear(world, execution);
  const updates = answer.checkUpdates.map((change) => ({
    change,
    check: checkOf(plan, change.checkId) ?? refuse('UNKNOWN_TARGET', `no check ${change.checkId}`),
  }));
  const open = updates.filter(({ check }) => check.state !== 'FINAL');
  for (const skipped of updates) if (!open.includes(skipped)) noteSkipped(execution);
  const verdict = answer.stageState === 'FINAL';
  const isRetried = answer.failure !== undefined && !verdict && wouldRetry(stage, attempt, now);
  const left = isRetried ? keep(execution, open) : apply(execution, open);
  if (answer.details !== undefined) attempt.details = mergedOrSame(attempt.details, answer.details);
  attempt.answer = canonical(answer);
  if (answer.failure === undefined) {
    completeAttempt(plan, stage, attempt, now);
  } else {
    const reason = answer.failure.reason || stopReason(stage, attempt) || 'EXECUTOR_FAILURE';
    failAttempt(plan, stage, attempt, { ...answer.failure, reason }, now, verdict);
  }
  let waiting = left;
  do {
    const ready = waiting.filter(({ check }) => check.state === 'WAITING');
    for (const { check, change } of ready) store(execution, check, { ...change, finalize: true });
    waiting = waiting.filter((one) => !ready.includes(one));
  } while (takeStep(plan, now));
  advance(plan, now);
  if (!isRetried && plan.state !== 'CANCELLED') judge(execution, open, waiting);
}

type Op = { readonly change: CheckUpdate; readonly check: Check };

/** An answer that leads to a retry: results are kept, no check is moved. */
function keep(execution: Execution, ops: readonly Op[]): readonly Op[] {
  for (const { check, change } of ops) store(execution, check, change);
  return [];
}

/** First the ends, then the moves; answers those whose result has to wait for its check. */
function apply(execution: Execution, ops: readonly Op[]): readonly Op[] {
  const { plan } = execution;
  for (const { check, change } of ops) {
    if (change.state !== 'FINAL') continue;
    store(execution, check, change);
    finishCheck(plan, check);
  }
  const moves = ops.filter(({ change }) => change.state !== 'FINAL');
  for (const { check, change } of moves) {
    if (change.state === undefined || change.state === check.state) continue;
    if (change.state !== 'WAITING') requireCheckTransition(check.state, change.state);
    if (check.state === 'PLANNING') check.state = 'PLANNED';
  }
  const takesNow = ({ check }: Op) => check.state === 'WAITING' || plan.state === 'CANCELLED';
  for (const op of moves) if (takesNow(op)) store(execution, op.check, op.change);
  return moves.filter((op) => !takesNow(op) && hasResult(op.change));
}

/** Once nothing moves: a check that was to be WAITING is there, and every result was taken unless its check ended. */
function judge(execution: Execution, ops: readonly Op[], untaken: readonly Op[]): void {
  for (const op of ops) {
    const { check, change } = op;
    const isThere = check.state === 'WAITING' || (check.state === 'FINAL' && check.outcome !== 'SKIPPED');
    requireThat(change.state !== 'WAITING' || isThere, 'DEPENDENCIES_OPEN', `${check.id} is ${check.state}`);
    if (!untaken.includes(op)) continue;
    requireThat(check.state === 'FINAL', 'RESULT_NOT_ACCEPTED', `${check.id} takes no result`);
    noteSkipped(execution);
  }
}

function hasResult({ data, failure, finalize }: CheckUpdate): boolean {
  return data !== undefined || failure !== undefined || finalize;
}

function store({ stage, attempt }: Execution, check: Check, { data, finalize, failure, ...rest }: CheckUpdate): void {
  if (!hasResult({ data, finalize, failure, ...rest })) return;
  putResult(check, { ownerType: ATTEMPT_OWNER, ownerId: attemptOwner(stage, attempt.idx), data, finalize, failure });
}

/** A check that ended before takes no update; the progress of the attempt tells. */
function noteSkipped({ attempt }: Execution): void {
  attempt.progress.push({
    message: 'CHECK_ALREADY_FINAL*',
    percent: undefined,
    details: undefined,
    idempotencyKey: '',
  });
}

/** The answer of a blocking call; of no account once the attempt is in other hands, or has ended. */
export function answerCall(world: World, { runnerId, executionId }: Choice, answer: Answer): void {
  const execution = executionOf(world, executionId);
  const runner = execution && runnerOf(world, runnerId, execution.stage.runnerType);
  if (runner !== undefined) delivered(runner);
  if (execution !== undefined && isLive(execution.attempt)) conclude(world, execution, answer);
}

/** An answer of a blocking call that was refused ends the attempt, by policy. */
export function refuseAnswer(world: World, { executionId }: Choice): void {
  const execution = executionOf(world, executionId);
  if (execution === undefined) return;
  const { plan, stage, attempt } = execution;
  const reason = stopReason(stage, attempt) ?? 'RUNNER_ERROR';
  failAttempt(plan, stage, attempt, { message: undefined, reason }, world.now);
  advance(plan, world.now);
}
