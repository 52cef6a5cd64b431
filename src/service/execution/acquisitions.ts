import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { answerAgain, beat } from '../edit/attempt-life.ts';
import type { CallContext } from '../orchestrator.ts';
import type { AcquireExecutionsRequest } from '../requests.ts';
import { ANSWER_BYTES, runnerTask, taskBytes } from './claim.ts';
import { ExecutionRecord, type ExecutionRecordDeps } from './execution-record.ts';
import { liveAttemptOf } from './live-attempt.ts';
import { notRegistered, type PullDesk, Waiter } from './pull-desk.ts';
import type { RunnerTask } from './runner-calls.ts';
import type { RunnerRegistry } from './runner-registry.ts';
import { takeBackLive } from './take-back.ts';

export type AcquisitionsDeps = ExecutionRecordDeps & {
  readonly storage: Storage;
  readonly registry: RunnerRegistry;
  readonly desk: PullDesk;
  /** Looks for work of these types, since somebody waits for it; resolves when what was found is reserved. */
  readonly lookFor: (runnerTypes: readonly string[]) => Promise<void>;
  readonly isStopping: () => boolean;
};

/** Runners that ask for work: AcquireStageExecutions. */
export class Acquisitions {
  readonly #deps: AcquisitionsDeps;

  constructor(deps: AcquisitionsDeps) {
    this.#deps = deps;
  }

  /**
   * Work for a registered runner: what it acquired before and has not been heard of about, unless it says that it holds
   * it; else what there is, or what comes within the time to wait. Nothing is lost when the call is cut: what was reserved
   * for it goes back at once, or is answered to the runner's next call. Rejects with REGISTRATION_NOT_FOUND.
   */
  async acquire(ctx: CallContext, request: AcquireExecutionsRequest): Promise<readonly RunnerTask[]> {
    const { desk, isStopping } = this.#deps;
    const tasks = await this.#tasks(ctx, request);
    try {
      if (!ctx.signal.aborted) return tasks;
      await Promise.all(tasks.map((task) => new ExecutionRecord(this.#deps, task).takeBack(isStopping)));
      throw ctx.signal.reason;
    } finally {
      for (const { executionId } of tasks) desk.end(executionId);
    }
  }

  async #tasks(ctx: CallContext, request: AcquireExecutionsRequest): Promise<readonly RunnerTask[]> {
    const { desk, lookFor } = this.#deps;
    const lost = await this.#lost(request, this.#types(request));
    if (lost.length > 0) return lost;
    // Again, since the registration may have ended meanwhile; from here on the desk is told.
    const runnerTypes = this.#types(request);
    const waiter = new Waiter(request.runnerId, runnerTypes, request.maxExecutions);
    return desk.wait(waiter, request.waitMs, ctx.signal, () => lookFor(runnerTypes));
  }

  #types({ runnerId, runnerTypes }: AcquireExecutionsRequest): readonly string[] {
    const { registry } = this.#deps;
    const types = runnerTypes.length === 0 ? registry.typesOf(runnerId) : runnerTypes;
    if (types.length === 0) throw notRegistered(runnerId, '');
    for (const type of types) {
      if (registry.find(runnerId, type) === undefined) throw notRegistered(runnerId, type);
    }
    return types;
  }

  /** What the runner acquired and does not know that it has, as far as it fits; what it says it holds is confirmed. */
  async #lost(request: AcquireExecutionsRequest, runnerTypes: readonly string[]): Promise<readonly RunnerTask[]> {
    const { runnerId, heldExecutionIds, maxExecutions } = request;
    const unconfirmed = await this.#deps.storage.read((snapshot) => snapshot.held.unconfirmed(runnerId));
    const held = new Set(heldExecutionIds);
    const tasks: RunnerTask[] = [];
    let bytes = 0;
    try {
      for (const key of unconfirmed) {
        const isFull = tasks.length === maxExecutions || bytes >= ANSWER_BYTES;
        const task = await this.#recall(runnerId, key, held, runnerTypes, isFull);
        if (task === undefined) continue;
        tasks.push(task);
        bytes += taskBytes(task);
      }
    } catch (error) {
      // What has been recalled is answered; the rest with the runner's next call.
      if (tasks.length === 0) throw error;
    }
    return tasks;
  }

  #recall(
    runnerId: string,
    key: AttemptKey,
    held: ReadonlySet<string>,
    runnerTypes: readonly string[],
    isFull: boolean,
  ): Promise<RunnerTask | undefined> {
    const { desk, editor } = this.#deps;
    return editor.edit<RunnerTask | undefined, RunnerTask | undefined>(
      key.planId,
      { actor: 'server', reason: '' },
      {
        change: async (edit) => {
          const live = await liveAttemptOf(edit, key);
          const { executionId, confirmBy, cancelBy } = live?.attempt.current ?? {};
          if (live === undefined || executionId === undefined || confirmBy === undefined) return undefined;
          // It may have been taken back, and given to somebody else, since it was found.
          if (live.attempt.current.runnerId !== runnerId) return undefined;
          if (held.has(executionId)) {
            beat(edit, live.stage, live.attempt);
            return undefined;
          }
          if (desk.isUnderWay(executionId) || !runnerTypes.includes(live.stage.current.runnerType)) return undefined;
          // Nobody has begun what nobody is to begin any more.
          if (cancelBy !== undefined) {
            await takeBackLive(edit, live);
            return undefined;
          }
          if (isFull) return undefined;
          answerAgain(edit, live.attempt);
          return runnerTask(edit, live.stage, live.attempt, executionId);
        },
        answer: async (_saved, task, uow) => {
          if (task !== undefined) uow.afterCommit(() => desk.begin(task.executionId));
          return task;
        },
      },
    );
  }
}
