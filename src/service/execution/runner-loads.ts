import type { HeldAttempt } from '../../storage/attempt-repository.ts';

const nobody: ReadonlySet<string> = new Set();

/**
 * Which executions runners have: a mirror of the live attempts in storage, as sets and never as counts, so that nothing
 * that is told twice, or never, can make it drift. An execution is in it from before its reservation is written until its
 * attempt ends or is taken back.
 */
export class RunnerLoads {
  /** By type, then by runner id. */
  readonly #byType = new Map<string, Map<string, Set<string>>>();
  readonly #held = new Map<string, HeldAttempt>();

  add(held: HeldAttempt): void {
    const { executionId, runnerId, runnerType } = held;
    this.#held.set(executionId, held);
    const runners = this.#byType.get(runnerType) ?? new Map<string, Set<string>>();
    const executions = runners.get(runnerId) ?? new Set<string>();
    this.#byType.set(runnerType, runners.set(runnerId, executions.add(executionId)));
  }

  /** Answers the type whose runner has room for one more now; undefined if no runner had the execution. */
  remove(executionId: string): string | undefined {
    const held = this.#held.get(executionId);
    if (held === undefined) return undefined;
    this.#held.delete(executionId);
    const runners = this.#byType.get(held.runnerType);
    const executions = runners?.get(held.runnerId);
    executions?.delete(executionId);
    if (executions?.size === 0) runners?.delete(held.runnerId);
    if (runners?.size === 0) this.#byType.delete(held.runnerType);
    return held.runnerType;
  }

  /** How many executions of a type a runner has, without those that are `leaving`. */
  of(runnerId: string, runnerType: string, leaving: ReadonlySet<string> = nobody): number {
    const executions = this.#byType.get(runnerType)?.get(runnerId);
    if (executions === undefined) return 0;
    let load = executions.size;
    for (const executionId of leaving) if (executions.has(executionId)) load -= 1;
    return load;
  }
}
