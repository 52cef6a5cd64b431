import { AppError } from '../../domain/error.ts';
import { type ServerFailureReason, serverFailure } from '../../domain/failure.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import { moveOn } from '../edit/attempt-life.ts';
import { addProgress } from '../edit/attempt-record.ts';
import type { Editor } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import { endAttempt } from '../edit/stage-life.ts';
import type { ExecutionAnswer, ExecutionTask, ProgressReport } from '../executor/executor.ts';
import { applyAnswer, refusedAnswer } from './answer.ts';
import { type LiveAttempt, liveExecutionOf, stopReason } from './live-attempt.ts';
import { takeBackLive } from './take-back.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1000;

export type ExecutionRecordDeps = {
  readonly editor: Editor;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
};

type ConclusionFacts = {
  /** When the execution began, for an attempt that has not become RUNNING yet. */
  readonly startedAt?: number | undefined;
  /** What a repeat of the answer is known by. */
  readonly answerDigest?: string;
};

/**
 * Writes down what becomes of one execution. Everything is of no account once the attempt has moved on: ended, or in
 * other hands. Writes that the storage cannot take yet are repeated until it can, or until the server stops.
 */
export class ExecutionRecord {
  readonly #deps: ExecutionRecordDeps;
  readonly #task: ExecutionTask;

  constructor(deps: ExecutionRecordDeps, task: ExecutionTask) {
    this.#deps = deps;
    this.#task = task;
  }

  /** Appends a progress report; answers whether there was room for it. Rejects if it cannot be stored now. */
  report(progress: ProgressReport): Promise<boolean> {
    const { limits } = this.#deps;
    return this.#edit(true, true, async (edit, { stage, attempt }) => {
      if (attempt.current.progressCount >= limits.progressPerAttempt) return false;
      const { message, details, percent } = progress;
      addProgress(edit, stage, attempt, { message, timestamp: edit.origin.at, details, percent, idempotencyKey: '' });
      return true;
    });
  }

  /** A runner accepted the attempt: SCHEDULED, unless it has reported already. */
  accepted(isStopping: () => boolean): Promise<void> {
    return this.#untilStored(isStopping, () =>
      this.#edit(false, undefined, async (edit, { stage, attempt }) => {
        if (attempt.current.state === 'PENDING') moveOn(edit, stage, attempt, 'SCHEDULED');
      }),
    );
  }

  /**
   * Ends the attempt with its executor's answer. One that can not be applied ends it INCOMPLETE(RUNNER_ERROR), by policy.
   */
  async conclude(
    answer: ExecutionAnswer,
    isStopping: () => boolean,
    { startedAt, answerDigest }: ConclusionFacts = {},
  ): Promise<void> {
    const { limits, log } = this.#deps;
    try {
      await this.#untilStored(isStopping, () =>
        this.#edit(true, undefined, async (edit, live) => {
          if (live.attempt.current.state !== 'RUNNING') moveOn(edit, live.stage, live.attempt, 'RUNNING', startedAt);
          await applyAnswer({ edit, ...live, limits }, answer, { answerDigest });
        }),
      );
    } catch (error) {
      const refusal = error instanceof AppError ? error : new AppError('INTERNAL', 'internal error', { cause: error });
      if (refusal.reason === 'WORK_PLAN_NOT_FOUND') return;
      log.warn({ ...this.ids(), err: error }, "an executor's answer was refused");
      await this.#refuse(refusal, isStopping);
    }
  }

  /** Ends the attempt INCOMPLETE, by policy, and has its runner told to stop, which may go on all the same. */
  fail(reason: ServerFailureReason, message: string, isStopping: () => boolean): Promise<void> {
    return this.#untilStored(isStopping, () =>
      this.#edit(false, undefined, async (edit, { stage, attempt }) => {
        const failure = serverFailure(stopReason({ stage, attempt }) ?? reason, message, edit.origin.at);
        await endAttempt(edit, stage, attempt, { state: 'INCOMPLETE', failure, final: false }, { stop: message });
      }),
    );
  }

  /** The runner has begun nothing: the attempt goes back into its queue. */
  takeBack(isStopping: () => boolean): Promise<void> {
    return this.#untilStored(isStopping, () => this.#edit(false, undefined, takeBackLive));
  }

  /** The execution in the words of the log. */
  ids() {
    const { planId, stageId, attemptIdx, executionId } = this.#task;
    return { work_plan_id: planId, stage_id: stageId, attempt_idx: attemptIdx, execution_id: executionId };
  }

  #refuse(refusal: AppError, isStopping: () => boolean): Promise<void> {
    return this.#untilStored(isStopping, () =>
      this.#edit(false, undefined, async (edit, { stage, attempt }) => {
        const refused = refusedAnswer(refusal, edit.origin.at);
        const failure = { ...refused, reason: stopReason({ stage, attempt }) ?? refused.reason };
        await endAttempt(edit, stage, attempt, { state: 'INCOMPLETE', failure, final: false });
      }),
    );
  }

  /** One unit of work on the attempt, if it is still this execution's; else `otherwise`. */
  #edit<T>(byExecutor: boolean, otherwise: T, change: (edit: PlanEdit, live: LiveAttempt) => Promise<T>): Promise<T> {
    const { planId, stageId, attemptIdx: idx, executionId } = this.#task;
    const actor = byExecutor ? `attempt:${stageId}:${idx}` : 'server';
    return this.#deps.editor.edit(
      planId,
      { actor, reason: '' },
      {
        change: async (edit) => {
          const live = await liveExecutionOf(edit, { planId, stageId, idx, executionId });
          if (live === undefined) return otherwise;
          if (byExecutor) live.stage.byWriter = true;
          return change(edit, live);
        },
        answer: async (_saved, changed) => changed,
      },
    );
  }

  async #untilStored(isStopping: () => boolean, store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LONGEST_RETRY_MS)) {
      try {
        return await store();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (isStopping()) return;
        log.warn({ ...this.ids(), err: error }, 'what became of an execution can not be stored yet');
      }
      await new Promise<void>((resolve) => clock.after(delay, resolve));
      if (isStopping()) return;
    }
  }
}

/** The storage may take the same write later. */
export function isPassing(error: unknown): boolean {
  return error instanceof AppError && (error.reason === 'STORAGE_UNAVAILABLE' || error.reason === 'WRITE_QUEUE_FULL');
}
