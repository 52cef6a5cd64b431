import { AppError } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import { addProgress } from '../edit/attempt-record.ts';
import type { Editor } from '../edit/editor.ts';
import { endAttempt } from '../edit/stage-life.ts';
import type { ExecutionAnswer, ExecutionTask, Executor, ProgressReport } from '../executor/executor.ts';
import { applyAnswer, refusedAnswer } from './answer.ts';
import { liveAttemptOf } from './claim.ts';

/** Reports of one execution that may wait to be stored; more are dropped and counted. */
const PENDING_REPORTS = 64;

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1000;

export type ExecutionRunDeps = {
  readonly editor: Editor;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Logger;
};

/** Runs one claimed attempt through its executor and stores what comes of it. */
export class ExecutionRun {
  readonly #deps: ExecutionRunDeps;
  readonly #task: ExecutionTask;
  readonly #runnerType: string;
  #reports: Promise<void> = Promise.resolve();
  #pendingReports = 0;
  #droppedReports = 0;

  constructor(deps: ExecutionRunDeps, runnerType: string, task: ExecutionTask) {
    this.#deps = deps;
    this.#runnerType = runnerType;
    this.#task = task;
  }

  /** Resolves when the attempt's end is durable, or given up because the server stops. Never rejects. */
  async run(executor: Executor, signal: AbortSignal, isStopping: () => boolean): Promise<void> {
    const answer = await this.#execute(executor, signal);
    await this.#reports;
    if (this.#droppedReports > 0) {
      this.#deps.log.debug({ ...this.#ids(), dropped: this.#droppedReports }, 'progress reports were dropped');
    }
    // An attempt that the end of the server cut is not the executor's failure: recovery ends it after the restart.
    if (isStopping()) return;
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LONGEST_RETRY_MS)) {
      if (await this.#store(answer)) return;
      if (isStopping()) return;
      await new Promise<void>((resolve) => this.#deps.clock.after(delay, resolve));
    }
  }

  async #execute(executor: Executor, signal: AbortSignal): Promise<ExecutionAnswer> {
    try {
      return await executor.execute(this.#task, { signal, report: (progress) => this.#report(progress) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        checkUpdates: [],
        details: undefined,
        failure: { message: `the executor failed: ${message}`, reason: 'EXECUTOR_FAILURE' },
        verdict: false,
      };
    }
  }

  /** Answers whether the answer is stored (or of no account any more); false = try again. */
  async #store(answer: ExecutionAnswer): Promise<boolean> {
    try {
      await this.#conclude(answer);
      return true;
    } catch (error) {
      if (error instanceof AppError && error.reason === 'STORAGE_UNAVAILABLE') {
        this.#deps.log.warn({ ...this.#ids(), err: error }, 'the end of an attempt can not be stored yet');
        return false;
      }
      if (error instanceof AppError && error.reason === 'WRITE_QUEUE_FULL') return false;
      return this.#storeRefusal(error);
    }
  }

  #conclude(answer: ExecutionAnswer): Promise<void> {
    const { editor, limits } = this.#deps;
    return editor.edit(this.#task.planId, this.#origin(), {
      change: async (edit) => {
        const live = await liveAttemptOf(edit, this.#key());
        if (live?.attempt.current.executionId !== this.#task.executionId) return;
        live.stage.byWriter = true;
        await applyAnswer({ edit, ...live, limits }, answer);
      },
      answer: async () => undefined,
    });
  }

  /** The answer itself can not be applied: the attempt ends for that reason, by policy. */
  async #storeRefusal(error: unknown): Promise<boolean> {
    const refusal = error instanceof AppError ? error : new AppError('INTERNAL', 'internal error', { cause: error });
    if (refusal.reason === 'WORK_PLAN_NOT_FOUND') return true;
    this.#deps.log.warn({ ...this.#ids(), err: error }, "an executor's answer was refused");
    try {
      await this.#deps.editor.edit(this.#task.planId, this.#origin(), {
        change: async (edit) => {
          const live = await liveAttemptOf(edit, this.#key());
          if (live?.attempt.current.executionId !== this.#task.executionId) return;
          const failure = refusedAnswer(refusal, edit.origin.at);
          await endAttempt(edit, live.stage, live.attempt, { state: 'INCOMPLETE', failure, final: false });
        },
        answer: async () => undefined,
      });
      return true;
    } catch (cause) {
      this.#deps.log.error({ ...this.#ids(), err: cause }, 'the end of an attempt can not be stored');
      return false;
    }
  }

  #report(progress: ProgressReport): void {
    if (this.#pendingReports >= PENDING_REPORTS) {
      this.#droppedReports += 1;
      return;
    }
    this.#pendingReports += 1;
    this.#reports = this.#reports
      .then(() => this.#storeReport(progress))
      .catch(() => {
        this.#droppedReports += 1;
      })
      .finally(() => {
        this.#pendingReports -= 1;
      });
  }

  #storeReport(progress: ProgressReport): Promise<void> {
    const { editor, limits } = this.#deps;
    return editor.edit(this.#task.planId, this.#origin(), {
      change: async (edit) => {
        const live = await liveAttemptOf(edit, this.#key());
        if (live?.attempt.current.executionId !== this.#task.executionId) return;
        if (live.attempt.current.progressCount >= limits.progressPerAttempt) {
          this.#droppedReports += 1;
          return;
        }
        live.stage.byWriter = true;
        addProgress(edit, live.stage, live.attempt, {
          message: progress.message,
          timestamp: edit.origin.at,
          details: progress.details,
          percent: progress.percent,
          idempotencyKey: '',
        });
      },
      answer: async () => undefined,
    });
  }

  #origin() {
    return { actor: `attempt:${this.#task.stageId}:${this.#task.attemptIdx}`, reason: '' };
  }

  #key() {
    return { planId: this.#task.planId, stageId: this.#task.stageId, idx: this.#task.attemptIdx };
  }

  #ids() {
    const { planId, stageId, attemptIdx } = this.#task;
    return { work_plan_id: planId, stage_id: stageId, attempt_idx: attemptIdx, runner_type: this.#runnerType };
  }
}
