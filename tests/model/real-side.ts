import { setImmediate as turn } from 'node:timers/promises';
import { defaultLimits } from '../../src/domain/limits.ts';
import type { NodeView } from '../../src/domain/node.ts';
import type { Ids } from '../../src/domain/ports.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createOrchestrator, type RunningOrchestrator } from '../../src/service/create-orchestrator.ts';
import type { Orchestrator } from '../../src/service/orchestrator.ts';
import type { WriteNodesResponse } from '../../src/service/requests.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { anyCall } from '../support/service-rig.ts';
import { PlayedRunners } from './played-runners.ts';

type WrittenIds = {
  readonly checks: readonly { readonly id: string }[];
  readonly stages: readonly { readonly id: string }[];
};

const policyDefaults = {
  maxAttempts: 3,
  attemptTimeoutMs: 300_000,
  heartbeatTimeoutMs: 0,
  stageTimeoutMs: 0,
  backoffInitialMs: 1000,
  backoffMultiplier: 2,
  backoffMaxMs: 60_000,
};

/** Ids that are counted, so that a run repeats to the letter. */
function countedIds(): Ids {
  let last = 0;
  const next = (what: string) => () => `${what}-${++last}`;
  return {
    workPlan: next('plan'),
    execution: next('execution'),
    registration: next('registration'),
    incident: next('incident'),
  };
}

/** The real service on a real storage, which outlives the service's restarts, on a clock that the test moves. */
export class RealSide {
  readonly clock: ManualClock = manualClock();
  readonly runners = new PlayedRunners();
  readonly #path: string;
  readonly #ids = countedIds();
  readonly #log = createLogger({ level: 'silent' });
  #storage: Storage | undefined;
  #service: RunningOrchestrator | undefined;
  #underWay = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get orchestrator(): Orchestrator {
    if (this.#service === undefined) throw new Error('the service does not run');
    return this.#service.orchestrator;
  }

  async start(): Promise<void> {
    this.#storage ??= this.#counting(await this.#open());
    this.#service = createOrchestrator({
      storage: this.#storage,
      clock: this.clock,
      ids: this.#ids,
      random: { next: () => 0.5 },
      limits: defaultLimits,
      policyDefaults,
      executors: new Map(),
      executorConcurrency: 1,
      runnerCalls: this.runners.connect(),
      log: this.#log,
    });
    await this.#service.start();
  }

  /** The nodes of a write as a query shows them, in the form and order of the write's answer. */
  async read(workPlanId: string, { checks, stages }: WrittenIds, view: NodeView): Promise<WriteNodesResponse> {
    const checkIds = checks.map(({ id }) => id);
    const stageIds = stages.map(({ id }) => id);
    const found = await this.orchestrator.queryNodes(anyCall, {
      workPlanId,
      checkIds,
      stageIds,
      checkStates: [],
      stageStates: [],
      includeChecks: checkIds.length > 0,
      includeStages: stageIds.length > 0,
      pageSize: 0,
      pageToken: '',
      view,
    });
    return {
      checks: checkIds.flatMap((id) => found.checks.filter((check) => check.id === id)),
      stages: stageIds.flatMap((id) => found.stages.filter((stage) => stage.id === id)),
      revision: found.revision,
    };
  }

  /** The process ends. A database in a file is closed, one in memory lives on for the next process. */
  async stop(): Promise<void> {
    await this.#service?.stop();
    if (this.#path !== ':memory:') await this.close();
  }

  async close(): Promise<void> {
    await this.#storage?.close();
    this.#storage = undefined;
  }

  /** Resolves when everything that was set off has been written: nothing is under way, and nothing follows. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      this.clock.advance(0);
      await turn();
      quiet = this.#underWay === 0 ? quiet + 1 : 0;
    }
  }

  #open(): Promise<Storage> {
    const onFatal = (error: unknown) => {
      throw error;
    };
    const { clock } = this;
    return openSqliteStorage({
      path: this.#path,
      clock,
      log: this.#log,
      writeQueue: defaultLimits.writeQueue,
      onFatal,
    });
  }

  #counting(storage: Storage): Storage {
    const counted = async <T>(work: Promise<T>): Promise<T> => {
      this.#underWay += 1;
      try {
        return await work;
      } finally {
        this.#underWay -= 1;
      }
    };
    return {
      write: (work, options) => counted(storage.write(work, options)),
      read: (work) => counted(storage.read(work)),
      close: () => storage.close(),
    };
  }
}
