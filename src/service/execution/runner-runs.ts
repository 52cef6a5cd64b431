import type { StopOrder } from '../edit/edit-effects.ts';
import type { RunnerRun } from './runner-run.ts';

/**
 * The pushed executions of this process, by execution id. One is known from before its reservation commits, so that an
 * order to stop from the very next commit finds it.
 */
export class RunnerRuns {
  readonly #expected = new Map<string, StopOrder | undefined>();
  readonly #running = new Map<string, RunnerRun>();

  /** A reservation is being written. */
  expect(executionId: string): void {
    this.#expected.set(executionId, undefined);
  }

  /** The reservation is durable and its call is made now; false = it was told to stop before. */
  begin(executionId: string, run: RunnerRun): boolean {
    const order = this.#expected.get(executionId);
    this.#expected.delete(executionId);
    if (order !== undefined) return false;
    this.#running.set(executionId, run);
    return true;
  }

  end(executionId: string): void {
    this.#expected.delete(executionId);
    this.#running.delete(executionId);
  }

  /** The runner has reported about the execution: it has begun. */
  heardOf(executionId: string): void {
    this.#running.get(executionId)?.heard();
  }

  /** Passes an order on; false = the execution is not one of this process's. */
  stop(order: StopOrder): boolean {
    const { executionId } = order;
    const isExpected = this.#expected.has(executionId);
    if (isExpected) this.#expected.set(executionId, order);
    const run = this.#running.get(executionId);
    run?.stop(order);
    return isExpected || run !== undefined;
  }

  cutAll(): void {
    for (const run of this.#running.values()) run.cut();
  }
}
