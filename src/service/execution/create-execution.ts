import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock, Ids } from '../../domain/ports.ts';
import { BUILTIN_QUEUE } from '../../domain/queue.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Editor } from '../edit/editor.ts';
import type { Executor } from '../executor/executor.ts';
import type { BackgroundService } from '../orchestrator.ts';
import { Acquisitions } from './acquisitions.ts';
import { BuiltinDispatcher } from './builtin-dispatcher.ts';
import type { ClaimedTask } from './claim.ts';
import { Executions } from './executions.ts';
import { Heartbeats } from './heartbeats.ts';
import { PullDesk } from './pull-desk.ts';
import { QueueWatch } from './queue-watch.ts';
import { recoverAttempts } from './recovery.ts';
import { Reports } from './reports.ts';
import type { RunnerCalls } from './runner-calls.ts';
import { RunnerDispatcher } from './runner-dispatcher.ts';
import { RunnerLoads } from './runner-loads.ts';
import { RunnerRegistry } from './runner-registry.ts';
import { RunnerRuns } from './runner-runs.ts';
import { StartMarks } from './start-marks.ts';
import { StopOrders } from './stop-orders.ts';
import { Timers } from './timers.ts';

export type ExecutionDeps = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly executors: ReadonlyMap<string, Executor>;
  readonly executorConcurrency: number;
  readonly runnerCalls: RunnerCalls;
  readonly log: Logger;
};

/** Everything that gets attempts executed, as one background service, and the RPCs that runners call. */
export type Execution = BackgroundService & {
  readonly registry: RunnerRegistry;
  readonly reports: Reports;
  readonly acquisitions: Acquisitions;
  readonly runNow: (claim: (executionId: string) => Promise<ClaimedTask | undefined>) => Promise<void>;
};

/** Wires execution: queues → dispatchers → executors and runners, with timers, stop orders and recovery around. */
export function createExecution(deps: ExecutionDeps, editor: Editor): Execution {
  const { storage, clock, log, runnerCalls: calls } = deps;
  const base = { ...deps, editor, calls };
  const executions = new Executions();
  const heartbeats = new Heartbeats();
  const loads = new RunnerLoads();
  const runs = new RunnerRuns();
  const desk = new PullDesk(clock, deps.limits.pullers);
  const registry = new RunnerRegistry({ ...base, loads });
  const watch = new QueueWatch(base, (queue, planId) => {
    if (queue === BUILTIN_QUEUE) builtin.available(planId);
    else runners.available(queue, planId);
  });
  const retryLater = watch.retryLater.bind(watch);
  const builtin = new BuiltinDispatcher({ ...base, executions, concurrency: deps.executorConcurrency, retryLater });
  const marks = new StartMarks(base);
  const runners = new RunnerDispatcher({ ...base, marks, registry, loads, desk, runs, retryLater });
  editor.handOutTo((queue, leaving) =>
    queue === BUILTIN_QUEUE ? builtin.placeFor(leaving) : runners.placeFor(queue, leaving),
  );
  const timers = new Timers({ ...base, beats: heartbeats });

  registry.onCapacity((runnerType) => runners.roomAt([runnerType]));
  registry.onGone((runnerId, runnerType) => desk.gone(runnerId, runnerType));
  // What ends makes room before what is new looks for it.
  for (const listener of [new StopOrders({ executions, runs, registry, calls }), heartbeats, runners, watch, timers]) {
    editor.onEffects(listener);
  }

  const lookFor = (runnerTypes: readonly string[]): Promise<void> => {
    runners.roomAt(runnerTypes);
    return runners.settled(runnerTypes);
  };
  let isStopped = false;
  const services: readonly BackgroundService[] = [timers, builtin, runners, watch];
  return {
    registry,
    reports: new Reports({ ...base, heartbeats, runs }),
    acquisitions: new Acquisitions({ ...base, registry, desk, lookFor, isStopping: () => isStopped }),
    runNow: (claim) => builtin.runNow(claim),
    start: async () => {
      await registry.start();
      await recoverAttempts({ storage, editor, log, loads });
      for (const service of services) await service.start();
    },
    stop: async () => {
      isStopped = true;
      for (const service of services.toReversed()) await service.stop();
      await registry.stop();
      calls.close();
    },
  };
}
