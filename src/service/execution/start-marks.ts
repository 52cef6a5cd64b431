import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import { moveOn } from '../edit/attempt-life.ts';
import type { Editor } from '../edit/editor.ts';
import type { ExecutionTask } from '../executor/executor.ts';
import { isPassing } from './execution-record.ts';
import { liveExecutionOf } from './live-attempt.ts';

/** Marks of this time are written together. An attempt that ends sooner needs none: its end says when it began. */
const GATHER_MS = 50;
const RETRY_MS = 1000;

export type StartMarksDeps = { readonly editor: Editor; readonly clock: Clock; readonly log: Logger };

type Mark = { readonly task: ExecutionTask; readonly startedAt: number };

/** Makes reserved attempts RUNNING once their calls have gone out: off the path of the calls, a plan's together. */
export class StartMarks {
  readonly #deps: StartMarksDeps;
  readonly #byPlan = new Map<string, Map<string, Mark>>();
  #isStopped = false;

  constructor(deps: StartMarksDeps) {
    this.#deps = deps;
  }

  add(task: ExecutionTask, startedAt: number): void {
    const marks = this.#byPlan.get(task.planId);
    if (marks !== undefined) {
      marks.set(task.executionId, { task, startedAt });
      return;
    }
    this.#byPlan.set(task.planId, new Map([[task.executionId, { task, startedAt }]]));
    this.#deps.clock.after(GATHER_MS, () => void this.#write(task.planId));
  }

  /** Marks nothing more: what is not marked is as it was reserved, which recovery knows how to read. */
  stop(): void {
    this.#isStopped = true;
  }

  /** The execution has been answered, or taken back: its mark is of no account any more. */
  forget({ planId, executionId }: ExecutionTask): void {
    this.#byPlan.get(planId)?.delete(executionId);
  }

  async #write(planId: string): Promise<void> {
    const marks = [...(this.#byPlan.get(planId)?.values() ?? [])];
    this.#byPlan.delete(planId);
    if (marks.length === 0 || this.#isStopped) return;
    try {
      await this.#mark(planId, marks);
    } catch (error) {
      const { clock, log } = this.#deps;
      if (isPassing(error)) {
        clock.after(RETRY_MS, () => {
          for (const { task, startedAt } of marks) this.add(task, startedAt);
        });
      } else {
        log.warn({ work_plan_id: planId, err: error }, 'attempts can not be marked as running');
      }
    }
  }

  #mark(planId: string, marks: readonly Mark[]): Promise<void> {
    return this.#deps.editor.edit(
      planId,
      { actor: 'server', reason: '' },
      {
        change: async (edit) => {
          for (const { task, startedAt } of marks) {
            const { stageId, attemptIdx: idx, executionId } = task;
            const live = await liveExecutionOf(edit, { planId, stageId, idx, executionId });
            if (live?.attempt.current.state !== 'PENDING') continue;
            moveOn(edit, live.stage, live.attempt, 'RUNNING', startedAt);
          }
        },
        answer: async () => undefined,
      },
    );
  }
}
