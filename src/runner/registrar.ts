import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ExecutionMode } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { isDefinite, type OrchestratorClient } from './client.ts';
import type { OnEvent } from './event.ts';
import type { RunnerSystem } from './system.ts';
import { backoffMs, pause } from './waiting.ts';

/** A runner that stops does not wait long for the server to say goodbye. */
const UNREGISTER_MS = 3_000;

export type RegistrarDeps = {
  readonly client: OrchestratorClient;
  readonly system: RunnerSystem;
  readonly onEvent: OnEvent;
  readonly runnerId: string;
  readonly runnerTypes: readonly string[];
  readonly modes: readonly ExecutionMode[];
  readonly maxConcurrent: number;
  readonly ttlMs: number;
  readonly metadata: Readonly<Record<string, string>>;
};

/** Keeps a runner registered for its types: renews after a third of the ttl, and tries on while the server is away. */
export class Registrar {
  readonly #deps: RegistrarDeps;
  #address = '';
  readonly #stopping = new AbortController();
  #registrationIds: readonly string[] = [];
  #wake = new AbortController();
  #isKnown = false;
  #serverAheadMs = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the server knows the runner and where it is called (empty = it only pulls). Rejects when the server
   * refuses the registration, or the signal aborts.
   */
  async start(address: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    this.#address = address;
    for (let failures = 1; ; failures++) {
      signal.throwIfAborted();
      const error = await this.#register(signal);
      if (error === undefined) break;
      if (isDefinite(error)) throw error;
      if (failures === 1) this.#tellOutage(error);
      await this.#backOff(failures, signal);
    }
    this.#ended = this.#keep();
  }

  /** Renews at once: the server seems to have forgotten the runner. */
  renew(): void {
    this.#isKnown = false;
    this.#wake.abort();
  }

  /** A time of the server's clock as this machine's clock has it, as far as the registrations tell. */
  localTime(serverMs: number): number {
    return serverMs - this.#serverAheadMs;
  }

  /** Ends the registrations, if the server can be reached. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#ended;
    const { client, onEvent } = this.#deps;
    const { unregisterStageRunner } = TurboCIOrchestrator.method;
    const calls = this.#registrationIds.map((registrationId) =>
      client.call(unregisterStageRunner, { registrationId }, { withinMs: UNREGISTER_MS }),
    );
    this.#registrationIds = [];
    for (const call of await Promise.allSettled(calls)) {
      if (call.status === 'fulfilled') continue;
      onEvent({ type: 'problem', message: 'could not unregister; the registration will expire', error: call.reason });
    }
  }

  async #keep(): Promise<void> {
    const { system, ttlMs } = this.#deps;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      this.#wake = new AbortController();
      if (failures === 0) await pause(system, ttlMs / 3, AbortSignal.any([signal, this.#wake.signal]));
      else await this.#backOff(failures, signal);
      if (signal.aborted) return;
      const error = await this.#register();
      failures = error === undefined ? 0 : failures + 1;
      if (failures === 1) this.#tellOutage(error);
    }
  }

  /** Registers for all types; the renewal is known by runner id and type. Answers the first error. */
  async #register(signal?: AbortSignal): Promise<unknown> {
    const { client, system, onEvent, modes, runnerTypes, runnerId, maxConcurrent, ttlMs, metadata } = this.#deps;
    const common = {
      runnerId,
      address: this.#address,
      supportedModes: [...modes],
      maxConcurrent,
      metadata: { ...metadata },
    };
    const ttlSeconds = Math.ceil(ttlMs / 1000);
    const { registerStageRunner } = TurboCIOrchestrator.method;
    const options = signal === undefined ? {} : { signal };
    const sentAt = system.now();
    const answers = await Promise.allSettled(
      runnerTypes.map((runnerType) =>
        client.call(registerStageRunner, { ...common, runnerType, ttlSeconds: BigInt(ttlSeconds) }, options),
      ),
    );
    const registered = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const refused = answers.find((answer) => answer.status === 'rejected');
    this.#registrationIds = registered.map(({ registrationId }) => registrationId);
    if (refused !== undefined) return refused.reason;
    const expiresAt = registered[0]?.expiresAt;
    if (expiresAt !== undefined) {
      const serverNow = timestampMs(expiresAt) - ttlSeconds * 1000;
      this.#serverAheadMs = serverNow - (sentAt + system.now()) / 2;
    }
    if (!this.#isKnown) onEvent({ type: 'registered', runnerTypes, address: client.address });
    this.#isKnown = true;
    return undefined;
  }

  #backOff(failures: number, signal: AbortSignal): Promise<void> {
    const { system, ttlMs } = this.#deps;
    return pause(system, backoffMs(system, failures, ttlMs / 3), signal);
  }

  #tellOutage(error: unknown): void {
    this.#isKnown = false;
    const { client, onEvent } = this.#deps;
    onEvent({ type: 'problem', message: `cannot register at ${client.address}; trying again`, error });
  }
}
