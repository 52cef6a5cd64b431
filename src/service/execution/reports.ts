import { type Attempt, isLive } from '../../domain/attempt.ts';
import { AppError } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import type { AttemptReader } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { beat, moveOn } from '../edit/attempt-life.ts';
import { addProgress, mergeDetails } from '../edit/attempt-record.ts';
import type { Editor } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { digestOf } from '../idempotency.ts';
import type { CallContext } from '../orchestrator.ts';
import type { CompleteExecutionRequest, UpdateExecutionRequest, UpdateExecutionResponse } from '../requests.ts';
import { applyAnswer, toExecutionAnswer } from './answer.ts';
import type { Heartbeats } from './heartbeats.ts';
import { type LiveAttempt, liveExecutionOf } from './live-attempt.ts';
import type { RunnerRuns } from './runner-runs.ts';

export type ReportsDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
  readonly heartbeats: Heartbeats;
  readonly runs: RunnerRuns;
};

/** What runners report of their own accord: UpdateStageExecution and CompleteStageExecution. */
export class Reports {
  readonly #deps: ReportsDeps;

  constructor(deps: ReportsDeps) {
    this.#deps = deps;
  }

  /**
   * A sign of life, with what the execution has to say. One that says nothing is kept in memory alone. Rejects with
   * EXECUTION_NOT_FOUND, or EXECUTION_ENDED when nobody waits for the execution any more.
   */
  async update(ctx: CallContext, request: UpdateExecutionRequest): Promise<UpdateExecutionResponse> {
    const { executionId } = request;
    const { attempt, heartbeatTimeoutMs } = await this.#find(executionId);
    if (!isLive(attempt.state)) throw executionEnded(attempt);
    this.#deps.runs.heardOf(executionId);
    if (attempt.state !== 'RUNNING' || attempt.confirmBy !== undefined || saysAnything(request)) {
      return this.#store(ctx, attempt, request);
    }
    const cancelRequested = attempt.cancelBy !== undefined;
    if (heartbeatTimeoutMs === 0 || attempt.dispatch === 'BUILTIN') return { cancelRequested, heartbeatBy: undefined };
    const heartbeatBy = this.#deps.clock.now() + heartbeatTimeoutMs;
    this.#deps.heartbeats.beat(executionId, heartbeatBy);
    return { cancelRequested, heartbeatBy };
  }

  /**
   * The end of an execution. An answer that repeats the one that ended the attempt is acknowledged again; any other that
   * comes after the end is refused: EXECUTION_ENDED.
   */
  async complete(ctx: CallContext, { executionId, ...answer }: CompleteExecutionRequest): Promise<void> {
    const { limits } = this.#deps;
    const { attempt: found } = await this.#find(executionId);
    const answerDigest = digestOf(answer);
    if (!isLive(found.state)) return assertRepeated(found, answerDigest);
    await this.#edit(ctx, found, async (edit) => {
      const live = await liveExecutionOf(edit, keyOf(found, executionId));
      if (live === undefined) return assertRepeated(await knownExecution(edit.uow.attempts, executionId), answerDigest);
      live.stage.byWriter = true;
      if (live.attempt.current.state !== 'RUNNING') moveOn(edit, live.stage, live.attempt, 'RUNNING');
      const { dispatch } = live.attempt.current;
      // Whatever else waits for an answer of this execution waits in vain.
      const stop = dispatch === 'BUILTIN' || dispatch === 'RUN' ? 'the attempt has been completed' : undefined;
      await applyAnswer({ edit, ...live, limits }, toExecutionAnswer(answer), { answerDigest, stop });
    });
  }

  #find(executionId: string): Promise<{ readonly attempt: Attempt; readonly heartbeatTimeoutMs: number }> {
    return this.#deps.storage.read(async ({ attempts, stages }) => {
      const attempt = await knownExecution(attempts, executionId);
      const stage = await stages.get(attempt.planId, attempt.stageId);
      return { attempt, heartbeatTimeoutMs: stage?.policy.heartbeatTimeoutMs ?? 0 };
    });
  }

  #store(ctx: CallContext, found: Attempt, request: UpdateExecutionRequest): Promise<UpdateExecutionResponse> {
    return this.#edit(ctx, found, async (edit) => {
      const live = await liveExecutionOf(edit, keyOf(found, request.executionId));
      if (live === undefined) throw executionEnded(await knownExecution(edit.uow.attempts, request.executionId));
      const { stage, attempt } = live;
      if (attempt.current.state === 'RUNNING') beat(edit, stage, attempt);
      else moveOn(edit, stage, attempt, 'RUNNING');
      if (saysAnything(request)) await this.#say(edit, live, request);
      return { cancelRequested: attempt.current.cancelBy !== undefined, heartbeatBy: attempt.current.heartbeatBy };
    });
  }

  /** Beyond the limit of entries the message is dropped: a sign of life is never refused for it. */
  async #say(edit: PlanEdit, { stage, attempt }: LiveAttempt, request: UpdateExecutionRequest): Promise<void> {
    const { limits, log } = this.#deps;
    const { message, progressPercent, details } = request;
    stage.byWriter = true;
    if (details !== undefined) await mergeDetails(edit, stage, attempt, details, limits.jsonBytes);
    if (progressPercent !== 0 && progressPercent !== attempt.current.progressPercent) {
      edit.changeAttempt(stage, attempt, { progressPercent });
    }
    if (message === '') return;
    if (attempt.current.progressCount >= limits.progressPerAttempt) {
      log.debug({ execution_id: request.executionId }, 'a progress message was dropped');
      return;
    }
    const percent = progressPercent === 0 ? undefined : progressPercent;
    const timestamp = edit.origin.at;
    addProgress(edit, stage, attempt, { message, timestamp, details: undefined, percent, idempotencyKey: '' });
  }

  #edit<T>(ctx: CallContext, { planId, stageId, idx }: Attempt, change: (edit: PlanEdit) => Promise<T>): Promise<T> {
    return this.#deps.editor.edit(
      planId,
      { actor: `attempt:${stageId}:${idx}`, reason: '' },
      { change, answer: async (_saved, changed) => changed },
      { signal: ctx.signal },
    );
  }
}

function saysAnything({ message, progressPercent, details }: UpdateExecutionRequest): boolean {
  return message !== '' || progressPercent !== 0 || details !== undefined;
}

function keyOf({ planId, stageId, idx }: Attempt, executionId: string) {
  return { planId, stageId, idx, executionId };
}

async function knownExecution(attempts: AttemptReader, executionId: string): Promise<Attempt> {
  const attempt = await attempts.findExecution(executionId);
  if (attempt !== undefined) return attempt;
  const message = `there is no execution "${executionId}": it never was, or its attempt was given to somebody else`;
  throw new AppError('EXECUTION_NOT_FOUND', message, {
    metadata: { resource_type: 'execution', resource_name: executionId },
  });
}

function assertRepeated(attempt: Attempt, answerDigest: string): void {
  if (attempt.answerDigest !== answerDigest) throw executionEnded(attempt);
}

function executionEnded({ stageId, idx, state, executionId = '', failure, answerDigest }: Attempt): AppError {
  const how = failure === undefined || failure.reason === '' ? state : `${state} (${failure.reason})`;
  const said = answerDigest === undefined ? 'it takes no more reports' : 'it was answered, and not with this';
  return new AppError(
    'EXECUTION_ENDED',
    `execution "${executionId}" has ended: attempt ${idx} of stage "${stageId}" is ${how}; ${said}`,
    { metadata: { execution_id: executionId, stage_id: stageId, attempt_idx: String(idx), attempt_state: state } },
  );
}
