import type { ExecutionAnswer, ExecutionTask, Executor, ProgressReport } from '../executor/executor.ts';
import { ExecutionRecord, type ExecutionRecordDeps } from './execution-record.ts';
import { AbortCause } from './executions.ts';

/** Reports of one execution that may wait to be stored; more are dropped and counted. */
const PENDING_REPORTS = 64;

/** Runs one claimed attempt through its executor and stores what comes of it. */
export class ExecutionRun {
  readonly #deps: ExecutionRecordDeps;
  readonly #task: ExecutionTask;
  readonly #record: ExecutionRecord;
  #reports: Promise<void> = Promise.resolve();
  #pendingReports = 0;
  #droppedReports = 0;

  constructor(deps: ExecutionRecordDeps, task: ExecutionTask) {
    this.#deps = deps;
    this.#task = task;
    this.#record = new ExecutionRecord(deps, task);
  }

  /** Resolves when the attempt's end is durable, or given up because the server stops. Never rejects. */
  async run(executor: Executor, signal: AbortSignal, isStopping: () => boolean): Promise<void> {
    const { log } = this.#deps;
    const answer = await this.#execute(executor, signal);
    await this.#reports;
    const ids = { ...this.#record.ids(), runner_type: executor.runnerType };
    if (this.#droppedReports > 0) log.debug({ ...ids, dropped: this.#droppedReports }, 'progress reports were dropped');
    // An attempt that the end of the server cut is not the executor's failure: recovery ends it after the restart.
    if (isStopping()) return;
    try {
      await this.#record.conclude(answer, isStopping);
    } catch (error) {
      log.error({ ...ids, err: error }, 'the end of an attempt can not be stored');
    }
  }

  async #execute(executor: Executor, signal: AbortSignal): Promise<ExecutionAnswer> {
    try {
      const context = { signal, report: (progress: ProgressReport) => this.#report(progress) };
      return asTimedOut(await executor.execute(this.#task, context), signal);
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

  #report(progress: ProgressReport): void {
    if (this.#pendingReports >= PENDING_REPORTS) {
      this.#droppedReports += 1;
      return;
    }
    this.#pendingReports += 1;
    this.#reports = this.#reports
      .then(() => this.#record.report(progress))
      .then(
        (isStored) => {
          if (!isStored) this.#droppedReports += 1;
        },
        () => {
          this.#droppedReports += 1;
        },
      )
      .finally(() => {
        this.#pendingReports -= 1;
      });
  }
}

/** An executor knows that it was stopped, not that it was for the time it took. */
function asTimedOut(answer: ExecutionAnswer, { reason }: AbortSignal): ExecutionAnswer {
  if (answer.failure === undefined || !(reason instanceof AbortCause) || reason.kind !== 'TIMEOUT') return answer;
  return { ...answer, failure: { message: reason.reason, reason: 'TIMEOUT' } };
}
