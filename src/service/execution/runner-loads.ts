import type { HeldAttempt } from '../../storage/attempt-repository.ts';

/**
 * Which executions runners have: a mirror of the live attempts in storage, as sets and never as counts, so that nothing
 * that is told twice, or never, can make it drift. An execution is in it from before its reservation is written until its
 * attempt ends or is taken back.
 */
export class RunnerLoads {
  readonly #byRunner = new Map<string, Set<string>>();
  readonly #held = new Map<string, HeldAttempt>();

  add(held: HeldAttempt): void {
    const key = keyOf(held.runnerId, held.runnerType);
    this.#held.set(held.executionId, held);
    const executions = this.#byRunner.get(key);
    if (executions === undefined) this.#byRunner.set(key, new Set([held.executionId]));
    else executions.add(held.executionId);
  }

  /** Answers the type whose runner has room for one more now; undefined if no runner had the execution. */
  remove(executionId: string): string | undefined {
    const held = this.#held.get(executionId);
    if (held === undefined) return undefined;
    this.#held.delete(executionId);
    const key = keyOf(held.runnerId, held.runnerType);
    const executions = this.#byRunner.get(key);
    executions?.delete(executionId);
    if (executions?.size === 0) this.#byRunner.delete(key);
    return held.runnerType;
  }

  /** How many executions of a type a runner has. */
  of(runnerId: string, runnerType: string): number {
    return this.#byRunner.get(keyOf(runnerId, runnerType))?.size ?? 0;
  }
}

function keyOf(runnerId: string, runnerType: string): string {
  return JSON.stringify([runnerId, runnerType]);
}
