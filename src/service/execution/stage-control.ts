import { AppError } from '../../domain/error.ts';
import type { PlanHistoryEvent } from '../../domain/event.ts';
import { isBuiltin, type StageView } from '../../domain/stage.ts';
import type { Storage, UnitOfWork } from '../../storage/storage.ts';
import { cancelStage } from '../edit/cancel.ts';
import { type Editor, stageNotFound } from '../edit/editor.ts';
import type { CallContext } from '../orchestrator.ts';
import type { CancelStageRequest, RunStageRequest } from '../requests.ts';
import type { PlanFeeds } from '../watch/plan-feeds.ts';
import { type ClaimedTask, claimAttempt } from './claim.ts';

export type StageControlDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly feeds: PlanFeeds;
  /** Runs a claimed attempt at once, beside the queue. */
  readonly runNow: (start: (executionId: string) => Promise<ClaimedTask | undefined>) => Promise<void>;
};

/** RunStage and CancelStage: a person's hand on one stage. */
export class StageControl {
  readonly #deps: StageControlDeps;

  constructor(deps: StageControlDeps) {
    this.#deps = deps;
  }

  /**
   * Starts the live PENDING attempt of a builtin stage at once, without waiting for its backoff or a free slot. An
   * attempt that runs already is left alone. With `wait` it answers when the stage has left ATTEMPTING.
   */
  async run(ctx: CallContext, request: RunStageRequest): Promise<StageView> {
    const left = request.wait ? this.#leftAttempting(ctx, request) : undefined;
    try {
      await this.#deps.runNow((executionId) => this.#claim(ctx, request, executionId));
      const stage = await this.#read(request);
      if (left === undefined || stage.state !== 'ATTEMPTING') return stage;
      await left.done;
      return await this.#read(request);
    } finally {
      left?.stop();
    }
  }

  cancel(ctx: CallContext, { workPlanId, stageId, reason }: CancelStageRequest): Promise<StageView> {
    return this.#deps.editor.edit(
      workPlanId,
      { actor: 'writer', reason },
      {
        change: async (edit) => {
          const stage = await edit.stage(stageId);
          if (stage === undefined) throw stageNotFound(workPlanId, stageId);
          stage.byWriter = true;
          await cancelStage(edit, stage, reason);
        },
        answer: (_saved, _changed, uow) => readStage(uow, workPlanId, stageId),
      },
      { signal: ctx.signal },
    );
  }

  #claim(
    ctx: CallContext,
    { workPlanId, stageId }: RunStageRequest,
    executionId: string,
  ): Promise<ClaimedTask | undefined> {
    return this.#deps.editor.edit(
      workPlanId,
      { actor: 'writer', reason: 'RunStage' },
      {
        change: async (edit) => {
          const stage = await edit.stage(stageId);
          if (stage === undefined) throw stageNotFound(workPlanId, stageId);
          const { state, runnerType } = stage.current;
          if (!isBuiltin(runnerType) || state !== 'ATTEMPTING') throw notRunnable(stageId, state, runnerType);
          const attempt = await edit.liveAttempt(stage);
          if (attempt.current.state !== 'PENDING' || attempt.current.processUid !== undefined) return undefined;
          stage.byWriter = true;
          return claimAttempt(edit, stage, attempt, executionId);
        },
        answer: async (_saved, claimed) => claimed,
      },
      { signal: ctx.signal },
    );
  }

  /** Follows the plan from now on until the stage leaves ATTEMPTING. */
  #leftAttempting(ctx: CallContext, { workPlanId, stageId }: RunStageRequest) {
    const { feeds } = this.#deps;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const follower = {
      committed: (events: readonly PlanHistoryEvent[]) => {
        const left = (event: PlanHistoryEvent) =>
          event.type === 'STAGE' && event.nodeId === stageId && event.newState !== 'ATTEMPTING';
        if (events.some(left)) resolve();
      },
    };
    const onAbort = () => reject(ctx.signal.reason);
    ctx.signal.addEventListener('abort', onAbort, { once: true });
    // Nobody may be waiting yet when the call is aborted.
    promise.catch(() => {});
    feeds.join(workPlanId, follower);
    const stop = () => {
      ctx.signal.removeEventListener('abort', onAbort);
      feeds.leave(workPlanId, follower);
    };
    return { done: promise, stop };
  }

  #read({ workPlanId, stageId }: RunStageRequest): Promise<StageView> {
    return this.#deps.storage.read((snapshot) => readStage(snapshot, workPlanId, stageId));
  }
}

async function readStage(source: Pick<UnitOfWork, 'nodes'>, planId: string, stageId: string): Promise<StageView> {
  const [found] = await source.nodes.stages(planId, { ids: [stageId], states: [], after: 0, limit: 1 }, 'FULL');
  if (found === undefined) throw stageNotFound(planId, stageId);
  return found.node;
}

function notRunnable(stageId: string, state: string, runnerType: string): AppError {
  const why = isBuiltin(runnerType)
    ? `it is ${state}, not ATTEMPTING`
    : `its runner type "${runnerType}" is not executed by this server`;
  return new AppError('NOT_RUNNABLE', `stage "${stageId}" can not be run: ${why}`, {
    metadata: { stage_id: stageId, stage_state: state, runner_type: runnerType },
  });
}
