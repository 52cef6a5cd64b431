import type { RunnerRegistration } from '../../domain/runner.ts';
import type { StopOrder } from '../edit/edit-effects.ts';
import { digestOf } from '../idempotency.ts';
import { toExecutionAnswer } from './answer.ts';
import { ExecutionRecord, type ExecutionRecordDeps } from './execution-record.ts';
import type { CallFailure, RunnerCalls, RunnerTask } from './runner-calls.ts';
import type { StartMarks } from './start-marks.ts';

export type RunnerRunDeps = ExecutionRecordDeps & {
  readonly calls: RunnerCalls;
  readonly marks: StartMarks;
  /** What the call says about the runner. */
  readonly runners: {
    suspend(runner: RunnerRegistration): void;
    delivered(runner: RunnerRegistration): void;
  };
};

/** The call that pushes one reserved attempt to a runner, and what comes of it. */
export class RunnerRun {
  readonly #deps: RunnerRunDeps;
  readonly #runner: RunnerRegistration;
  readonly #task: RunnerTask;
  readonly #record: ExecutionRecord;
  readonly #call = new AbortController();
  #stopped: Promise<void> | undefined;
  #isHeard = false;

  constructor(deps: RunnerRunDeps, runner: RunnerRegistration, task: RunnerTask) {
    this.#deps = deps;
    this.#runner = runner;
    this.#task = task;
    this.#record = new ExecutionRecord(deps, task);
  }

  /** Resolves when what came of the call is durable, or given up because the server stops. */
  async run(mode: 'RUN' | 'RUN_ASYNC', isStopping: () => boolean): Promise<void> {
    try {
      if (mode === 'RUN') await this.#runSync(isStopping);
      else await this.#runAsync(isStopping);
    } catch (error) {
      this.#deps.log.error({ ...this.#record.ids(), err: error }, 'what became of an execution can not be stored');
    }
  }

  /**
   * The attempt is to stop, or has ended. The runner is asked to; a blocking call is cut when nobody waits for its answer
   * any more, or when its runner knows no other way to be stopped.
   */
  stop({ reason, hasEnded }: StopOrder): void {
    const { calls } = this.#deps;
    const { address } = this.#runner;
    this.#stopped ??= calls.cancel(address, this.#task.executionId, reason).then((outcome) => {
      if (outcome === 'UNSUPPORTED') this.#call.abort();
    });
    if (hasEnded) this.#call.abort();
  }

  /** The runner has reported: whatever becomes of the call, it has begun. */
  heard(): void {
    this.#isHeard = true;
  }

  /** The server stops: what is under way is left for recovery. */
  cut(): void {
    this.#call.abort();
  }

  async #runSync(isStopping: () => boolean): Promise<void> {
    const { calls, clock, marks, runners } = this.#deps;
    const task = this.#task;
    let startedAt: number | undefined;
    const onSent = (): void => {
      startedAt = clock.now();
      marks.add(task, startedAt);
    };
    const outcome = await calls.run(this.#runner.address, task, { signal: this.#call.signal, onSent });
    marks.forget(task);
    if (isStopping() && outcome.kind !== 'ANSWERED') return;
    if (outcome.kind !== 'ANSWERED') return this.#settle(outcome, isStopping);
    runners.delivered(this.#runner);
    const { answer } = outcome;
    const answerDigest = digestOf(answer);
    return this.#record.conclude(toExecutionAnswer(answer), isStopping, { startedAt, answerDigest });
  }

  async #runAsync(isStopping: () => boolean): Promise<void> {
    const { calls, runners } = this.#deps;
    const outcome = await calls.runAsync(this.#runner.address, this.#task, { signal: this.#call.signal });
    if (outcome.kind === 'ACCEPTED') {
      runners.delivered(this.#runner);
      return this.#record.accepted(isStopping);
    }
    if (isStopping() && outcome.kind !== 'UNDELIVERED') return;
    // An offer that was answered by a report was delivered, whatever became of the call.
    if (this.#isHeard) return;
    return this.#settle(outcome, isStopping);
  }

  #settle({ kind, message }: CallFailure, isStopping: () => boolean): Promise<void> {
    const { log, runners } = this.#deps;
    const { runnerId, runnerType, address } = this.#runner;
    log.debug({ ...this.#record.ids(), runner_id: runnerId, runner_type: runnerType, address, kind }, message);
    const what = `runner "${runnerId}" at ${address}: ${message}`;
    switch (kind) {
      case 'UNDELIVERED':
        runners.suspend(this.#runner);
        if (this.#isHeard) return this.#record.fail('RUNNER_ERROR', what, isStopping);
        return this.#record.takeBack(isStopping);
      case 'TIMED_OUT':
        return this.#record.fail('TIMEOUT', what, isStopping);
      case 'BROKEN':
        return this.#record.fail('RUNNER_ERROR', what, isStopping);
    }
  }
}
