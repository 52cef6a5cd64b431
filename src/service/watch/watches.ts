import { AppError } from '../../domain/error.ts';
import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { Limits } from '../../domain/limits.ts';
import { countOpenChecks, countOpenStages } from '../../domain/plan-state.ts';
import type { Clock } from '../../domain/ports.ts';
import type { WorkPlan } from '../../domain/work-plan.ts';
import type { Storage } from '../../storage/storage.ts';
import { planNotFound } from '../edit/editor.ts';
import type { CallContext, WatchItem, WatchSubscription } from '../orchestrator.ts';
import type { WatchWorkPlanRequest } from '../requests.ts';
import { eventFilter, inView } from './event-filter.ts';
import type { PlanFeeds } from './plan-feeds.ts';
import { Subscription } from './subscription.ts';

export type WatchesDeps = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly feeds: PlanFeeds;
};

/** Subscribes watchers to plans, and ends them when the server drains. */
export class Watches {
  readonly #deps: WatchesDeps;
  readonly #open = new Set<Subscription>();
  #isDraining = false;

  constructor(deps: WatchesDeps) {
    this.#deps = deps;
  }

  /** Resolves when the subscription stands: no later event can be missed. */
  async subscribe(ctx: CallContext, request: WatchWorkPlanRequest): Promise<WatchSubscription> {
    const { storage, clock, limits, feeds } = this.#deps;
    if (this.#isDraining) throw draining();
    if (this.#open.size >= limits.watchers) {
      throw new AppError('WATCHERS_LIMIT', `the server has ${limits.watchers} watchers already`, {
        metadata: { limit: String(limits.watchers) },
        retryAfterMs: 1000,
      });
    }
    const { workPlanId, view } = request;
    const onAbort = () => subscription.end(reasonOf(ctx.signal));
    const subscription: Subscription = new Subscription({
      planId: workPlanId,
      storage,
      clock,
      backlog: limits.watchBacklog,
      filter: eventFilter(request),
      endOnCompletion: request.endOnCompletion,
      view: (event: PlanHistoryEvent) => inView(event, view),
      onEnd: () => {
        this.#open.delete(subscription);
        feeds.leave(workPlanId, subscription);
        ctx.signal.removeEventListener('abort', onAbort);
      },
    });
    // Joined before the plan is read: whatever is committed in between is in the feed or in storage.
    const feed = feeds.join(workPlanId, subscription);
    this.#open.add(subscription);
    ctx.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const plan = await storage.read((snapshot) => snapshot.workPlans.get(workPlanId));
      if (plan === undefined) throw planNotFound(workPlanId);
      ctx.signal.throwIfAborted();
      const revision = request.sinceRevision ?? plan.version;
      const cursor = { revision, seq: Number.MAX_SAFE_INTEGER };
      subscription.start(feed, plan.version, cursor, completedAlready(plan, request));
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }

  /** Ends all watchers with UNAVAILABLE and refuses new ones. */
  drain(): void {
    this.#isDraining = true;
    for (const subscription of this.#open) subscription.end(draining());
  }
}

/**
 * A watch that starts on a plan with nothing left to run is told at once: there is no event to come. One that resumes
 * by revision sees the completion in the history; unless it has seen all of it and only waits for the end.
 */
function completedAlready(plan: WorkPlan, request: WatchWorkPlanRequest): WatchItem | undefined {
  const { counts, state, version } = plan;
  if (state === 'ACTIVE' || countOpenChecks(counts) + countOpenStages(counts) > 0) return undefined;
  const hasSeenAll = request.endOnCompletion && (request.sinceRevision ?? version) >= version;
  if (request.sinceRevision !== undefined && !hasSeenAll) return undefined;
  return {
    type: 'COMPLETED',
    at: plan.updatedAt,
    revision: version,
    checks: counts.checks.FINAL,
    stages: counts.stages.FINAL,
    hasFailures: counts.failed > 0,
  };
}

function draining(): AppError {
  return new AppError('DRAINING', 'the server is draining; resume the watch with since_revision on another or later', {
    retryAfterMs: 1000,
  });
}

function reasonOf(signal: AbortSignal): AppError {
  return signal.reason instanceof AppError ? signal.reason : new AppError('CALLER_GONE', 'the caller is gone');
}
