import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { beat } from '../edit/attempt-life.ts';
import type { CallContext } from '../orchestrator.ts';
import type { AcquireExecutionsRequest } from '../requests.ts';
import { runnerTask } from './claim.ts';
import { ExecutionRecord, type ExecutionRecordDeps } from './execution-record.ts';
import { liveAttemptOf } from './live-attempt.ts';
import { notRegistered, type PullDesk, Waiter } from './pull-desk.ts';
import type { RunnerTask } from './runner-calls.ts';
import type { RunnerRegistry } from './runner-registry.ts';

export type AcquisitionsDeps = ExecutionRecordDeps & {
  readonly storage: Storage;
  readonly registry: RunnerRegistry;
  readonly desk: PullDesk;
  /** Looks for work of a type, since somebody waits for it. */
  readonly lookFor: (runnerType: string) => void;
};

/** Runners that ask for work: AcquireStageExecutions. */
export class Acquisitions {
  readonly #deps: AcquisitionsDeps;
  /** Executions whose answer is on its way: another call of the same runner does not get them again. */
  readonly #underWay = new Set<string>();

  constructor(deps: AcquisitionsDeps) {
    this.#deps = deps;
  }

  /**
   * Work for a registered runner: what it acquired before and has not been heard of about, unless it says that it holds
   * it; else what there is, or what comes within the time to wait. Nothing is lost when the call is cut: what was reserved
   * for it goes back at once, or is answered to the runner's next call. Rejects with REGISTRATION_NOT_FOUND.
   */
  async acquire(ctx: CallContext, request: AcquireExecutionsRequest): Promise<readonly RunnerTask[]> {
    const { runnerId, maxExecutions, waitMs } = request;
    const { desk, lookFor } = this.#deps;
    const runnerTypes = this.#types(request);
    const lost = await this.#lost(request, runnerTypes);
    if (lost.length > 0) return lost;
    const waiter = new Waiter(runnerId, runnerTypes, maxExecutions, (task) => this.#underWay.add(task.executionId));
    const tasks = await desk.wait(waiter, waitMs, ctx.signal, () => runnerTypes.forEach(lookFor));
    for (const { executionId } of tasks) this.#underWay.delete(executionId);
    if (!ctx.signal.aborted) return tasks;
    await Promise.all(tasks.map((task) => new ExecutionRecord(this.#deps, task).takeBack(() => false)));
    throw ctx.signal.reason;
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

  /** What the runner acquired and does not know that it has; what it says it holds is confirmed. */
  async #lost(request: AcquireExecutionsRequest, runnerTypes: readonly string[]): Promise<readonly RunnerTask[]> {
    const { runnerId, heldExecutionIds, maxExecutions } = request;
    const unconfirmed = await this.#deps.storage.read((snapshot) => snapshot.held.unconfirmed(runnerId));
    const tasks: RunnerTask[] = [];
    const held = new Set(heldExecutionIds);
    for (const key of unconfirmed) {
      const task = await this.#recall(key, held);
      if (task !== undefined && runnerTypes.includes(task.runnerType)) tasks.push(task);
      if (tasks.length === maxExecutions) break;
    }
    return tasks;
  }

  #recall(key: AttemptKey, held: ReadonlySet<string>): Promise<RunnerTask | undefined> {
    return this.#deps.editor.edit(
      key.planId,
      { actor: 'server', reason: '' },
      {
        change: async (edit) => {
          const live = await liveAttemptOf(edit, key);
          const executionId = live?.attempt.current.executionId;
          if (live === undefined || executionId === undefined || live.attempt.current.confirmBy === undefined) return;
          if (held.has(executionId)) return beat(edit, live.stage, live.attempt);
          if (this.#underWay.has(executionId)) return;
          return runnerTask(edit, live.stage, live.attempt, executionId);
        },
        answer: async (_saved, task) => task ?? undefined,
      },
    );
  }
}
