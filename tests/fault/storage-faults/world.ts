import { expect } from 'vitest';
import { AppError } from '../../../src/domain/error.ts';
import { NoopExecutor } from '../../../src/service/executor/noop.ts';
import { allNodes } from '../../oracle/all-nodes.ts';
import { FakeRunnerCalls } from '../../support/fake-runner-calls.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { anyCall, type ServiceRig, serviceRig } from '../../support/service-rig.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Dice } from '../dice.ts';
import { type FaultPlace, FaultyStorage } from './faulty-storage.ts';
import { Fleet } from './fleet.ts';
import { PersistentWatcher, untilDone } from './persistent-client.ts';
import type { WorkPlanScript } from './work-plan-script.ts';

/** Ticks in which the end of all plans must come. */
const MOST_TICKS = 20_000;
const TICK_MS = 100;

/** A server in this process on a database file, and what is between it and the file. */
type Life = { readonly rig: ServiceRig; readonly storage: FaultyStorage; readonly calls: FakeRunnerCalls };

/** Servers one after the other on one file and one clock, with the runners that serve them. */
export class World {
  readonly path: string;
  readonly #dice: Dice;
  readonly #clock: ManualClock = manualClock();
  readonly #fleet: Fleet;
  readonly #watched = new Map<string, PersistentWatcher>();
  readonly #rate: number;
  readonly #places: readonly FaultPlace[];
  #life: Life | undefined;
  faults = 0;
  failedStarts = 0;

  constructor(path: string, dice: Dice, rate: number, places: readonly FaultPlace[]) {
    this.path = path;
    this.#dice = dice;
    this.#rate = rate;
    this.#places = places;
    this.#fleet = new Fleet(dice.fork());
  }

  get rig(): ServiceRig {
    if (this.#life === undefined) throw new Error('no server lives');
    return this.#life.rig;
  }

  /** A server that has not started yet. */
  async open(): Promise<Life> {
    const calls = new FakeRunnerCalls();
    let storage: FaultyStorage | undefined;
    const rig = await serviceRig({
      path: this.path,
      clock: this.#clock,
      runners: calls,
      executors: [new NoopExecutor(this.#clock)],
      idle: true,
      wrap: (sound) => {
        storage = new FaultyStorage(sound, this.#dice.fork(), this.#rate, this.#places);
        return storage;
      },
    });
    if (storage === undefined) throw new Error('no storage was opened');
    return { rig, storage, calls };
  }

  /** Starts servers until one does, as a supervisor of processes would: a failed start is the end of a process. */
  async begin(): Promise<void> {
    for (;;) {
      const life = await this.open();
      this.#life = life;
      try {
        await life.rig.service.start();
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
        expect(error).toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
        this.failedStarts += 1;
        await this.#close(life);
        continue;
      }
      await this.#fleet.join(life.rig.service.orchestrator, life.calls);
      return;
    }
  }

  async end(): Promise<void> {
    if (this.#life === undefined) return;
    for (const [planId, watcher] of this.#watched) {
      await watcher.stop();
      const events = await untilDone(() => historyOf(this.rig, planId));
      expect(watcher.seen, 'no gap, nothing twice').toEqual(events.slice(0, watcher.seen.length));
    }
    this.#watched.clear();
    await this.#fleet.leave();
    await this.#close(this.#life);
  }

  async #close({ rig, storage }: Life): Promise<void> {
    this.#life = undefined;
    const stopped = rig.service.stop();
    // What a stop waits for may itself wait for a time.
    for (let isStopped = false; !isStopped; ) {
      isStopped = await Promise.race([stopped.then(() => true), this.#tick().then(() => false)]);
    }
    await rig.storage.close();
    for (const counts of [storage.made.write, storage.made.read]) {
      for (const count of Object.values(counts)) this.faults += count;
    }
  }

  /** The storage fails no more. */
  heal(): void {
    if (this.#life !== undefined) this.#life.storage.rate = 0;
  }

  async create({ nodes }: WorkPlanScript, name: string): Promise<string> {
    const { orchestrator } = this.rig.service;
    const planId = await untilDone(async () => {
      return (await orchestrator.createWorkPlan(anyCall, { metadata: {}, requestId: name })).id;
    });
    this.#watched.set(planId, new PersistentWatcher(this.rig, planId));
    const request = {
      workPlanId: planId,
      ...nodes,
      requestId: name,
      reason: '',
      attempt: undefined,
      expectedPlanVersion: undefined,
      responseView: 'BASIC',
    } as const;
    await untilDone(() => orchestrator.writeNodes(anyCall, request));
    return planId;
  }

  watch(planIds: readonly string[]): void {
    for (const planId of planIds) {
      if (!this.#watched.has(planId)) this.#watched.set(planId, new PersistentWatcher(this.rig, planId));
    }
  }

  /** The watchers of these plans have come, or come now, to where the plans are. */
  async expectSeen(planIds: readonly string[]): Promise<void> {
    for (const planId of planIds) {
      const events = await historyOf(this.rig, planId);
      await waitFor('the watcher to see all', () => this.#watched.get(planId)?.seen.length === events.length);
    }
  }

  async cancel(planIds: readonly string[]): Promise<void> {
    const { orchestrator } = this.rig.service;
    for (const id of planIds) await untilDone(() => orchestrator.cancelWorkPlan(anyCall, { id, reason: 'enough' }));
  }

  async live(ticks: number): Promise<void> {
    for (let tick = 0; tick < ticks; tick++) await this.#tick();
  }

  /** Lets time pass until no plan has anything left to run. */
  async liveUntilDone(planIds: readonly string[]): Promise<void> {
    const { orchestrator } = this.rig.service;
    let left = planIds;
    for (let tick = 0; left.length > 0; tick += 10) {
      if (tick > MOST_TICKS) throw new Error(`${left.length} plans are stuck:\n${await describePlans(this.rig, left)}`);
      await this.live(10);
      const plans = await Promise.all(left.map((id) => untilDone(() => orchestrator.getWorkPlan(anyCall, { id }))));
      left = plans
        .filter(({ state, counts: { checks, stages } }) => {
          const open = checks.PLANNING + checks.PLANNED + checks.WAITING;
          return state === 'ACTIVE' || open + stages.PLANNED + stages.ATTEMPTING + stages.AWAITING_GROUP > 0;
        })
        .map(({ id }) => id);
    }
  }

  /** Lets what is under way go on, and a little time pass. */
  async #tick(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
    this.#clock.advance(TICK_MS);
  }

  /** Registers runners that do not renew: one expires after the other. */
  async registerBriefly(count: number): Promise<void> {
    const { orchestrator } = this.rig.service;
    const runner = {
      runnerType: 'none',
      address: '',
      supportedModes: ['SYNC'],
      maxConcurrent: 0,
      metadata: {},
    } as const;
    for (let at = 1; at <= count; at++) {
      const request = { ...runner, runnerId: `brief ${at}`, ttlMs: 3 * TICK_MS * at };
      await untilDone(() => orchestrator.registerRunner(anyCall, request));
    }
  }

  /** The runners whose registrations are in storage. */
  registered(): Promise<readonly string[]> {
    return this.rig.storage.read(async ({ runners }) => (await runners.list()).map(({ runnerId }) => runnerId));
  }
}

function historyOf(rig: ServiceRig, planId: string) {
  const start = { revision: 0, seq: 0 };
  return rig.storage.read((snapshot) => snapshot.events.list(planId, start, Number.MAX_SAFE_INTEGER));
}

async function describePlans(rig: ServiceRig, planIds: readonly string[]): Promise<string> {
  const plans = await Promise.all(planIds.map((id) => untilDone(() => allNodes(rig, id, 'FULL'))));
  const open = plans.flatMap(({ stages }) => stages.filter(({ state }) => state !== 'FINAL'));
  return JSON.stringify(
    open.map(({ id, state, runnerType, attempts }) => ({ id, state, runnerType, last: attempts.at(-1) })),
  );
}
