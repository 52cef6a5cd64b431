import { invariant } from '../../domain/error.ts';
import { encodedBytes } from '../../domain/json.ts';
import { BUILTIN_QUEUE } from '../../domain/queue.ts';
import { type Handover, handOver } from '../edit/attempt-life.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { AttemptDraft, StageDraft } from '../edit/stage-draft.ts';
import type { ExecutionTask } from '../executor/executor.ts';
import type { LiveAttempt } from './live-attempt.ts';
import type { RunnerTask } from './runner-calls.ts';

/** An attempt that the server took out of the queue, and who is to execute it. */
export type ClaimedTask = { readonly runnerType: string; readonly task: ExecutionTask };

/** PENDING → RUNNING in this process, held by a new execution id. */
export async function claimAttempt(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  executionId: string,
): Promise<ClaimedTask> {
  handOver(edit, stage, attempt, { executionId, dispatch: 'BUILTIN', runnerId: undefined });
  return { runnerType: stage.current.runnerType, task: await taskOf(edit, attempt, executionId) };
}

/** Claims the plan's longest waiting builtin attempt; undefined when none is available at `now`. */
export async function claimNext(edit: PlanEdit, executionId: string, now: number): Promise<ClaimedTask | undefined> {
  const [next] = await queued(edit, BUILTIN_QUEUE, now, 1);
  return next && claimAttempt(edit, next.stage, next.attempt, executionId);
}

/**
 * Bytes that are handed to one runner at a time, and one attempt at least: clients of gRPC take 4 MiB in a message unless
 * they are told otherwise, and an answer that is too large for its runner would be answered for ever.
 */
export const ANSWER_BYTES = 3 * 1024 * 1024;

/** At least the bytes of what a runner is told, as it travels. */
export function taskBytes({ args, checkOptions, metadata, assignedCheckIds }: RunnerTask): number {
  const asked = checkOptions.map(({ checkId, kind, options }) => [checkId, kind, options]);
  return encodedBytes([args, asked, { ...metadata }, [...assignedCheckIds]]);
}

/** What was reserved; `mayBeMore` = the plan may have further attempts in the queue. */
export type Reserved = { readonly tasks: readonly RunnerTask[]; readonly mayBeMore: boolean };

/**
 * Hands the plan's longest waiting attempts of a queue to runners, one each in the order given; answers what each is to
 * do, for as many as there are attempts available at `now`, and as fit into an answer to a runner that acquires them.
 */
export async function reserve(
  edit: PlanEdit,
  queue: string,
  takers: readonly Handover[],
  now: number,
): Promise<Reserved> {
  const tasks: RunnerTask[] = [];
  let bytes = 0;
  const waiting = await queued(edit, queue, now, takers.length);
  for (const [index, { stage, attempt }] of waiting.entries()) {
    const to = takers[index];
    if (to === undefined || bytes >= ANSWER_BYTES) break;
    handOver(edit, stage, attempt, to);
    const task = await runnerTask(edit, stage, attempt, to.executionId);
    if (to.dispatch === 'ACQUIRE') bytes += taskBytes(task);
    tasks.push(task);
  }
  return { tasks, mayBeMore: waiting.length === takers.length || tasks.length < waiting.length };
}

async function queued(edit: PlanEdit, queue: string, now: number, limit: number): Promise<readonly LiveAttempt[]> {
  const waiting: LiveAttempt[] = [];
  for (const key of await edit.uow.queues.available(queue, edit.before.id, now, limit)) {
    const stage = await edit.knownStage(key.stageId);
    const attempt = await edit.liveAttempt(stage);
    invariant(attempt.current.idx === key.idx, `queued attempt ${key.idx} of ${key.stageId} is not the last`);
    waiting.push({ stage, attempt });
  }
  return waiting;
}

/** What an executor is told about the attempt that it has. */
export async function taskOf(edit: PlanEdit, { current }: AttemptDraft, executionId: string): Promise<ExecutionTask> {
  const { planId, stageId, idx } = current;
  const args = (await edit.uow.stages.args(planId, stageId)) ?? {};
  const assignments = await edit.uow.stages.assignments(planId, stageId);
  const assignedCheckIds = assignments.map(({ targetCheckId }) => targetCheckId);
  return { executionId, planId, stageId, attemptIdx: idx, args, assignedCheckIds };
}

/** What a runner is told about the attempt that it has, or is about to get. */
export async function runnerTask(
  edit: PlanEdit,
  stage: StageDraft,
  attempt: AttemptDraft,
  executionId: string,
): Promise<RunnerTask> {
  const task = await taskOf(edit, attempt, executionId);
  const checkOptions = [];
  for (const checkId of task.assignedCheckIds) {
    const { kind } = (await edit.knownCheck(checkId)).current;
    checkOptions.push({ checkId, kind, options: (await edit.uow.checks.options(edit.before.id, checkId)) ?? {} });
  }
  const { deadline } = attempt.current;
  invariant(deadline, `attempt ${task.attemptIdx} of ${task.stageId} was handed out without a deadline`);
  return {
    ...task,
    checkOptions,
    deadline,
    runnerType: stage.current.runnerType,
    metadata: edit.plan.metadata,
    heartbeatTimeoutMs: stage.current.policy.heartbeatTimeoutMs,
  };
}
