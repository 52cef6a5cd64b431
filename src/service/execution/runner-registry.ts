import { AppError } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { CancelTimer, Clock, Ids } from '../../domain/ports.ts';
import type { RunnerRegistration, RunnerView } from '../../domain/runner.ts';
import type { ExecutionMode } from '../../domain/stage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { BackgroundService, CallContext } from '../orchestrator.ts';
import type {
  ListRunnersRequest,
  RegisterRunnerRequest,
  RegisterRunnerResponse,
  UnregisterRunnerRequest,
} from '../requests.ts';
import type { RunnerCalls } from './runner-calls.ts';
import type { RunnerLoads } from './runner-loads.ts';
import { Suspension } from './suspension.ts';

const RETRY_MS = 1000;

export type RunnerRegistryDeps = {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly limits: Limits;
  readonly loads: RunnerLoads;
  readonly calls: RunnerCalls;
};

export type PickOptions = {
  readonly below?: number | undefined;
  readonly leaving?: ReadonlySet<string> | undefined;
};

/** Who registered, and whether it is being spared. */
type Entry = { readonly registration: RunnerRegistration; readonly suspension: Suspension; pickedAt: number };

/**
 * The runners that offered to execute attempts. Registrations are in storage; memory holds them too, since each dispatch
 * asks for them. What a runner has is never counted here: see RunnerLoads.
 */
export class RunnerRegistry implements BackgroundService {
  readonly #deps: RunnerRegistryDeps;
  /** By type, then by runner id. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #byRegistration = new Map<string, RunnerRegistration>();
  #onCapacity: (runnerType: string) => void = () => {};
  #onGone: (runnerId: string, runnerType: string) => void = () => {};
  #isRunning = false;
  #picks = 0;
  #cancelExpiry: CancelTimer = () => {};
  #expiryAt: number | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(deps: RunnerRegistryDeps) {
    this.#deps = deps;
  }

  /** Called with the type when a runner of it may take more than before. */
  onCapacity(listener: (runnerType: string) => void): void {
    this.#onCapacity = listener;
  }

  /** Called when a runner is not registered for a type any more. */
  onGone(listener: (runnerId: string, runnerType: string) => void): void {
    this.#onGone = listener;
  }

  /**
   * Reads the registrations. Nobody could renew one while no server ran, so each holds for at least its time to live from
   * now on.
   */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { storage, clock } = this.#deps;
    const now = clock.now();
    for (const stored of await storage.read((snapshot) => snapshot.runners.list())) {
      this.#enter({ ...stored, expiresAt: Math.max(stored.expiresAt, now + stored.ttlMs) });
    }
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancelExpiry();
    this.#expiryAt = undefined;
    for (const { suspension } of this.#all()) suspension.close();
    await this.#sweeping;
  }

  /** Registers a runner for a type, or renews it: under a new id, with a later expiry, its load untouched. */
  async register(ctx: CallContext, request: RegisterRunnerRequest): Promise<RegisterRunnerResponse> {
    const { storage, clock, ids } = this.#deps;
    const { runnerId, runnerType, address, supportedModes: modes, maxConcurrent, ttlMs, metadata } = request;
    const registrationId = ids.registration();
    return storage.write(
      async (uow) => {
        const now = clock.now();
        const earlier = await uow.runners.find(runnerId, runnerType);
        if (earlier === undefined) this.#assertRoom();
        const registration: RunnerRegistration = {
          registrationId,
          runnerId,
          runnerType,
          address,
          modes,
          maxConcurrent,
          ttlMs,
          metadata,
          registeredAt: earlier?.registeredAt ?? now,
          renewedAt: now,
          expiresAt: now + ttlMs,
        };
        await uow.runners.put(registration);
        uow.afterCommit(() => this.#enter(registration));
        return { registrationId, expiresAt: registration.expiresAt };
      },
      { signal: ctx.signal },
    );
  }

  /** Ends a registration: nothing more is handed out under it, what its runner has goes on. */
  unregister(ctx: CallContext, { registrationId }: UnregisterRunnerRequest): Promise<void> {
    return this.#deps.storage.write(
      async (uow) => {
        const known = this.#byRegistration.get(registrationId);
        // One that has expired is no more, also before it has been swept up.
        const hasExpired = known !== undefined && !this.#holds(known);
        if (hasExpired || !(await uow.runners.remove(registrationId))) throw registrationNotFound(registrationId);
        uow.afterCommit(() => this.#forget(registrationId));
      },
      { signal: ctx.signal },
    );
  }

  /** The registrations that hold, by type and runner id. */
  async list(_ctx: CallContext, { runnerType }: ListRunnersRequest): Promise<readonly RunnerView[]> {
    return [...this.#all()]
      .filter(({ registration }) => runnerType === '' || registration.runnerType === runnerType)
      .filter(({ registration }) => this.#holds(registration))
      .map(({ registration, suspension }) => ({
        ...registration,
        currentLoad: this.#deps.loads.of(registration.runnerId, registration.runnerType),
        suspended: suspension.isActive,
      }))
      .sort((a, b) => compare(a.runnerType, b.runnerType) || compare(a.runnerId, b.runnerId));
  }

  /**
   * The runner to push an attempt to: registered, not suspended, in the right mode, with room, and of those the one with
   * the least load; of equals the one that was not picked for longest. With `below` only one whose load is less. What is
   * `leaving` is no load.
   */
  pick(
    runnerType: string,
    mode: ExecutionMode,
    { below = Number.POSITIVE_INFINITY, leaving }: PickOptions = {},
  ): RunnerRegistration | undefined {
    let best: { readonly entry: Entry; readonly load: number } | undefined;
    for (const entry of this.#entries.get(runnerType)?.values() ?? []) {
      const { registration, suspension } = entry;
      if (registration.address === '' || suspension.isActive || !registration.modes.includes(mode)) continue;
      const load = this.#roomAt(registration, leaving);
      if (load === undefined || load >= below) continue;
      const isBetter = best === undefined || load < best.load;
      if (isBetter || (load === best?.load && entry.pickedAt < best.entry.pickedAt)) best = { entry, load };
    }
    if (best === undefined) return undefined;
    best.entry.pickedAt = ++this.#picks;
    return best.entry.registration;
  }

  /** A runner's registration for a type if it holds; pulling and pushing alike. */
  find(runnerId: string, runnerType: string): RunnerRegistration | undefined {
    const registration = this.#entries.get(runnerType)?.get(runnerId)?.registration;
    return registration !== undefined && this.#holds(registration) ? registration : undefined;
  }

  /** The types that a runner is registered for. */
  typesOf(runnerId: string): readonly string[] {
    return [...this.#entries.keys()].filter((runnerType) => this.find(runnerId, runnerType) !== undefined);
  }

  /** The load of a runner that has room for one more; undefined = it is full, or its registration has expired. */
  roomOf(runnerId: string, runnerType: string): number | undefined {
    const registration = this.find(runnerId, runnerType);
    return registration && this.#roomAt(registration);
  }

  /** A call to the runner could not be delivered: it is spared for a while. */
  suspend({ runnerId, runnerType, address }: RunnerRegistration): void {
    const entry = this.#entries.get(runnerType)?.get(runnerId);
    if (entry?.registration.address !== address || !this.#isRunning) return;
    if (!entry.suspension.isActive) {
      this.#deps.log.info({ runner_id: runnerId, runner_type: runnerType, address }, 'a runner is suspended');
    }
    entry.suspension.begin();
  }

  /** A call to the runner was delivered. */
  delivered({ runnerId, runnerType }: RunnerRegistration): void {
    this.#entries.get(runnerType)?.get(runnerId)?.suspension.reset();
  }

  #roomAt(registration: RunnerRegistration, leaving?: ReadonlySet<string>): number | undefined {
    if (!this.#holds(registration)) return undefined;
    const { runnerId, runnerType, maxConcurrent } = registration;
    const load = this.#deps.loads.of(runnerId, runnerType, leaving);
    return maxConcurrent === 0 || load < maxConcurrent ? load : undefined;
  }

  #holds({ expiresAt }: RunnerRegistration): boolean {
    return expiresAt > this.#deps.clock.now();
  }

  *#all(): Iterable<Entry> {
    for (const ofType of this.#entries.values()) yield* ofType.values();
  }

  #enter(registration: RunnerRegistration): void {
    const { runnerId, runnerType, address, expiresAt } = registration;
    const ofType = this.#entries.get(runnerType) ?? new Map<string, Entry>();
    this.#entries.set(runnerType, ofType);
    const earlier = ofType.get(runnerId);
    const isElsewhere = earlier?.registration.address !== address;
    if (isElsewhere) earlier?.suspension.close();
    const suspension = earlier === undefined || isElsewhere ? this.#suspensionOf(registration) : earlier.suspension;
    ofType.set(runnerId, { registration, suspension, pickedAt: earlier?.pickedAt ?? 0 });
    if (earlier !== undefined) this.#byRegistration.delete(earlier.registration.registrationId);
    this.#byRegistration.set(registration.registrationId, registration);
    this.#armExpiry(expiresAt);
    if (this.#isRunning) this.#onCapacity(runnerType);
  }

  #suspensionOf({ runnerType, address }: RunnerRegistration): Suspension {
    const { clock, calls } = this.#deps;
    return new Suspension(
      clock,
      () => calls.ping(address),
      () => this.#onCapacity(runnerType),
    );
  }

  #forget(registrationId: string): void {
    const registration = this.#byRegistration.get(registrationId);
    if (registration === undefined) return;
    const { runnerId, runnerType } = registration;
    const ofType = this.#entries.get(runnerType);
    ofType?.get(runnerId)?.suspension.close();
    ofType?.delete(runnerId);
    if (ofType?.size === 0) this.#entries.delete(runnerType);
    this.#byRegistration.delete(registrationId);
    this.#onGone(runnerId, runnerType);
  }

  #assertRoom(): void {
    const { runners: limit } = this.#deps.limits;
    if (this.#byRegistration.size < limit) return;
    const message = `${limit} runners are registered already; unregister some, or let them expire`;
    throw new AppError('RUNNERS_LIMIT', message, { metadata: { limit: String(limit) } });
  }

  #armExpiry(at: number): void {
    if (!this.#isRunning || (this.#expiryAt !== undefined && this.#expiryAt <= at)) return;
    this.#cancelExpiry();
    this.#expiryAt = at;
    this.#cancelExpiry = this.#deps.clock.after(at - this.#deps.clock.now(), () => {
      this.#expiryAt = undefined;
      this.#sweeping = this.#sweeping.then(() => this.#sweep());
    });
  }

  /** Deletes the registrations that have expired, and sets out for the next one. */
  async #sweep(): Promise<void> {
    const { storage, clock, log } = this.#deps;
    const expired = [...this.#byRegistration.values()].filter((registration) => !this.#holds(registration));
    try {
      if (expired.length === 0) return this.#armNextExpiry();
      await storage.write(async (uow) => {
        for (const { registrationId } of expired) await uow.runners.remove(registrationId);
        uow.afterCommit(() => {
          for (const { registrationId } of expired) this.#forget(registrationId);
        });
      });
      for (const { runnerId, runnerType } of expired) {
        log.info({ runner_id: runnerId, runner_type: runnerType }, 'the registration of a runner has expired');
      }
    } catch (error) {
      log.warn({ err: error }, 'expired registrations can not be deleted yet');
      this.#armExpiry(clock.now() + RETRY_MS);
    }
    this.#armNextExpiry();
  }

  #armNextExpiry(): void {
    for (const registration of this.#byRegistration.values()) {
      if (this.#holds(registration)) this.#armExpiry(registration.expiresAt);
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function registrationNotFound(registrationId: string): AppError {
  const message = `there is no registration "${registrationId}": it has expired, was replaced by a renewal, or ended`;
  return new AppError('REGISTRATION_NOT_FOUND', message, {
    metadata: { resource_type: 'registration', resource_name: registrationId },
  });
}
