import { setImmediate as turn } from 'node:timers/promises';
import { defaultLimits } from '../../src/domain/limits.ts';
import type { Ids } from '../../src/domain/ports.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createOrchestrator, type RunningOrchestrator } from '../../src/service/create-orchestrator.ts';
import type { Orchestrator } from '../../src/service/orchestrator.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { PlayedRunners } from './played-runners.ts';

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
