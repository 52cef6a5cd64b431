import { AppError } from '../domain/error.ts';
import type { Limits } from '../domain/limits.ts';
import type { Logger } from '../domain/logger.ts';
import type { ExecutionPolicy } from '../domain/policy.ts';
import type { Clock, Ids, Random } from '../domain/ports.ts';
import type { Storage } from '../storage/storage.ts';
import { Editor } from './edit/editor.ts';
import { createExecution } from './execution/create-execution.ts';
import type { RunnerCalls } from './execution/runner-calls.ts';
import { StageControl } from './execution/stage-control.ts';
import type { Executor } from './executor/executor.ts';
import { Nodes } from './nodes.ts';
import type { BackgroundService, Orchestrator } from './orchestrator.ts';
import { RequestMemory } from './request-memory.ts';
import { PlanFeeds } from './watch/plan-feeds.ts';
import { Watches } from './watch/watches.ts';
import { WorkPlans } from './work-plans.ts';

export type OrchestratorDeps = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly limits: Limits;
  readonly policyDefaults: ExecutionPolicy;
  /** By runner type; those switched off included. */
  readonly executors: ReadonlyMap<string, Executor>;
  /** Builtin attempts that run at the same time. */
  readonly executorConcurrency: number;
  /** How runners are called. */
  readonly runnerCalls: RunnerCalls;
  readonly log: Logger;
};

/** The orchestrator with its background work. */
export type RunningOrchestrator = BackgroundService & {
  readonly orchestrator: Orchestrator;
  /** Ends all watches with UNAVAILABLE and refuses new ones: the first step of a drain. */
  drain(): void;
};

/**
 * Wires the service. `start` first takes stock of what the last process left behind, then begins to dispatch; requests may
 * be served from then on. `stop` leaves what is running to the recovery of the next start, or to the runners.
 */
export function createOrchestrator(deps: OrchestratorDeps): RunningOrchestrator {
  const { storage, clock, limits, log } = deps;
  const editor = new Editor(deps);
  const feeds = new PlanFeeds();
  const execution = createExecution(deps, editor);
  const requestMemory = new RequestMemory({ storage, clock, log });
  editor.onChange(feeds);

  const plans = new WorkPlans({ ...deps, editor });
  const nodes = new Nodes({ storage, editor, clock, limits, rules: deps });
  const watches = new Watches({ storage, clock, limits, feeds });
  const stages = new StageControl({ storage, editor, feeds, runNow: execution.runNow });
  const { registry, reports, acquisitions } = execution;

  const orchestrator: Orchestrator = {
    createWorkPlan: (ctx, request) => plans.create(ctx, request),
    getWorkPlan: (ctx, request) => plans.get(ctx, request),
    listWorkPlans: (ctx, request) => plans.list(ctx, request),
    cancelWorkPlan: (ctx, request) => plans.cancel(ctx, request),
    writeNodes: (ctx, request) => nodes.write(ctx, request),
    queryNodes: (ctx, request) => nodes.query(ctx, request),
    watchWorkPlan: (ctx, request) => watches.subscribe(ctx, request),
    runStage: (ctx, request) => stages.run(ctx, request),
    cancelStage: (ctx, request) => stages.cancel(ctx, request),
    registerRunner: (ctx, request) => registry.register(ctx, request),
    unregisterRunner: (ctx, request) => registry.unregister(ctx, request),
    listRunners: (ctx, request) => registry.list(ctx, request),
    updateExecution: (ctx, request) => reports.update(ctx, request),
    completeExecution: (ctx, request) => reports.complete(ctx, request),
    acquireExecutions: (ctx, request) => acquisitions.acquire(ctx, request),
  };
  const background: readonly BackgroundService[] = [execution, requestMemory];
  const begin = async (): Promise<void> => {
    for (const service of background) await service.start();
  };
  let begun: Promise<void> | undefined;
  let isStopped = false;
  return {
    orchestrator,
    drain: () => watches.drain(),
    start: async () => {
      if (isStopped) throw new AppError('DRAINING', 'the server has stopped');
      begun ??= begin();
      return begun;
    },
    stop: async () => {
      isStopped = true;
      // What is starting is started first: nothing may begin after the stop.
      await begun?.catch(() => {});
      watches.drain();
      for (const service of background.toReversed()) await service.stop();
    },
  };
}
