import { AppError } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock, Ids } from '../../domain/ports.ts';
import { BUILTIN_QUEUE } from '../../domain/queue.ts';
import type { Editor } from '../edit/editor.ts';
import type { Place } from '../edit/hand-out.ts';
import type { Executor } from '../executor/executor.ts';
import type { BackgroundService } from '../orchestrator.ts';
import { type ClaimedTask, claimNext, taskOf } from './claim.ts';
import { ExecutionRun } from './execution-run.ts';
import { AbortCause, type Executions } from './executions.ts';
import { ReadyRing } from './ready-ring.ts';

export type BuiltinDispatcherDeps = {
  readonly editor: Editor;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly log: Logger;
  readonly executions: Executions;
  readonly executors: ReadonlyMap<string, Executor>;
  /** Builtin attempts that run at the same time. */
  readonly concurrency: number;
  /** Has a plan told of again whose attempts could not be claimed. */
  readonly retryLater: (queue: string, planId: string) => void;
};

/**
 * Starts builtin attempts as soon as they are committed. The queue is in storage; memory holds only which plans have
 * something in it.
 */
export class BuiltinDispatcher implements BackgroundService {
  readonly #deps: BuiltinDispatcherDeps;
  readonly #ready = new ReadyRing();
  readonly #runs = new Set<Promise<void>>();
  /** The executions, claimed or being claimed, that take up the concurrency. */
  readonly #slots = new Set<string>();
  #isRunning = false;

  constructor(deps: BuiltinDispatcherDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
  }

  /** Tells running executors to stop and waits for them; their attempts are left for recovery. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#deps.executions.abortAll(new AbortCause('SERVER_STOPS', 'the server stops'));
    while (this.#runs.size > 0) await Promise.all(this.#runs);
  }

  /** The plan has builtin attempts to start. */
  available(planId: string): void {
    this.#ready.add(planId);
    this.#fill();
  }

  /** Room for one attempt that an edit is making available while no plan waits. */
  placeFor(leaving: ReadonlySet<string>): Place | undefined {
    if (!this.#isRunning || this.#ready.size > 0 || this.#slotsWithout(leaving) >= this.#deps.concurrency)
      return undefined;
    const { ids, executions } = this.#deps;
    const executionId = ids.execution();
    this.#slots.add(executionId);
    // Known before the claim commits, so that an order to stop from the very next commit finds it.
    const signal = executions.add(executionId);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#track(ended);
    const leave = (): void => {
      executions.remove(executionId);
      this.#slots.delete(executionId);
      this.#fill();
      end();
    };
    return {
      handover: { executionId, dispatch: 'BUILTIN', runnerId: undefined },
      brief: async (edit, { stage, attempt }) => {
        const { runnerType } = stage.current;
        const task = await taskOf(edit, attempt, executionId);
        return () => {
          if (this.#isRunning) void this.#execute({ runnerType, task }, signal).finally(leave);
          else leave();
        };
      },
      release: leave,
    };
  }

  /**
   * Executes an attempt that somebody else claims under the given execution id, beside the queue and its slots. Resolves
   * when the claim is made; rejects if it failed.
   */
  async runNow(claim: (executionId: string) => Promise<ClaimedTask | undefined>): Promise<void> {
    if (!this.#isRunning) throw new AppError('DRAINING', 'the server executes nothing now');
    const { ids, executions } = this.#deps;
    const executionId = ids.execution();
    const signal = executions.add(executionId);
    const claimed = await claim(executionId).catch((error: unknown) => {
      executions.remove(executionId);
      throw error;
    });
    if (claimed === undefined || !this.#isRunning) executions.remove(executionId);
    else this.#track(this.#execute(claimed, signal).finally(() => executions.remove(executionId)));
  }

  /** Starts claims while slots are free and plans are ready; claims made in one turn share a commit. */
  #fill(): void {
    while (this.#isRunning && this.#slots.size < this.#deps.concurrency) {
      const planId = this.#ready.take();
      if (planId === undefined) return;
      this.#track(this.#serve(planId));
    }
  }

  #slotsWithout(leaving: ReadonlySet<string>): number {
    let taken = this.#slots.size;
    for (const executionId of leaving) if (this.#slots.has(executionId)) taken -= 1;
    return taken;
  }

  /** Background work that a stop waits for. */
  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#runs.delete(tracked));
    this.#runs.add(tracked);
  }

  /** One slot's turn with a plan: claim one attempt, put the plan back in the ring, execute. Never rejects. */
  async #serve(planId: string): Promise<void> {
    const { ids, executions } = this.#deps;
    const executionId = ids.execution();
    this.#slots.add(executionId);
    // Known before the claim commits, so that an order to stop from the very next commit finds it.
    const signal = executions.add(executionId);
    try {
      const claimed = await this.#claim(planId, executionId);
      if (claimed === undefined || !this.#isRunning) return;
      this.available(planId);
      await this.#execute(claimed, signal);
    } finally {
      executions.remove(executionId);
      this.#slots.delete(executionId);
      this.#fill();
    }
  }

  async #claim(planId: string, executionId: string): Promise<ClaimedTask | undefined> {
    const { editor, clock, log, retryLater } = this.#deps;
    try {
      return await editor.edit(
        planId,
        { actor: 'server', reason: '' },
        {
          change: (edit) => claimNext(edit, executionId, clock.now()),
          answer: async (_saved, claimed) => claimed,
        },
      );
    } catch (error) {
      if (error instanceof AppError && error.reason === 'WORK_PLAN_NOT_FOUND') return undefined;
      log.warn({ work_plan_id: planId, err: error }, 'a builtin attempt can not be started yet');
      retryLater(BUILTIN_QUEUE, planId);
      return undefined;
    }
  }

  #execute({ runnerType, task }: ClaimedTask, signal: AbortSignal): Promise<void> {
    const executor = this.#deps.executors.get(runnerType);
    const run = new ExecutionRun(this.#deps, task);
    const usable = executor?.enabled ? executor : unusableExecutor(runnerType, executor);
    return run.run(usable, signal, () => !this.#isRunning);
  }
}

/** Stands in for an executor that this server does not have, or has switched off since: the attempt fails and says so. */
function unusableExecutor(runnerType: string, known: Executor | undefined): Executor {
  const message = known === undefined ? `this server has no executor "${runnerType}"` : `${runnerType} is switched off`;
  return { runnerType, enabled: false, check: () => [], execute: () => Promise.reject(new Error(message)) };
}
