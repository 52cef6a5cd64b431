import { setTimeout as delay } from 'node:timers/promises';
import { ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import type { RunAsyncRequest, RunRequest } from '../../../gen/turboci/v1/stagerunner_pb.js';
import { Gate } from './gate.ts';
import { createLog, type Kind, type Log } from './log.ts';
import type { Order, Refusal, RunnerOptions } from './options.ts';
import { persist, Reports } from './reports.ts';
import { type Ending, Work, type Workshop } from './work.ts';

const { method } = TurboCIOrchestrator;
/** What a runner without a limit asks for at a time. */
const MOST_AT_ONCE = 100;

/** A runner that does as it is told by the args of stages, by its options and by the test. */
export class Runner {
  readonly log: Log;
  readonly #options: RunnerOptions;
  readonly #shop: Workshop;
  readonly #running = new Map<string, Work>();
  /** What it acquired and has not reported to the end. */
  readonly #held = new Set<string>();
  readonly #gone = new AbortController();
  readonly #registrationIds = new Map<string, string>();
  #refuses: Refusal | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#refuses = options.refuses;
    this.log = createLog(options.log, options.runnerId);
    const { orchestrator } = options;
    this.#shop = { orchestrator, log: this.log, reports: new Reports(), gate: new Gate() };
  }

  get cancels(): boolean {
    return this.#options.cancels;
  }

  get modes(): RunnerOptions['modes'] {
    return this.#options.modes;
  }

  get runnerType(): string {
    return this.#options.runnerTypes[0] ?? '';
  }

  /** Notes a fault of the script and ends the process: no test goes on after it. */
  readonly fault = (error: unknown): void => {
    this.log({ event: 'fault', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(3);
  };

  /** What the runner answers instead of beginning; noted. */
  refusalOf(
    kind: Kind,
    { executionId, workPlanId, stageId, attemptIdx }: RunRequest | RunAsyncRequest,
  ): Refusal | undefined {
    const refusal = this.#refuses;
    const about = { executionId, plan: workPlanId, stage: stageId, idx: attemptIdx };
    if (refusal !== undefined) this.log({ event: 'refuse', kind, ...about, outcome: refusal });
    return refusal;
  }

  begin(kind: Kind, request: RunRequest | RunAsyncRequest): Work {
    const work = new Work(this.#shop, kind, request);
    this.#running.set(request.executionId, work);
    return work;
  }

  async finish(work: Work, callDeadline?: number): Promise<Ending> {
    try {
      return await work.perform(callDeadline);
    } finally {
      this.#running.delete(work.request.executionId);
    }
  }

  /** Tells an execution to stop; false if it is not known. */
  cancel(executionId: string, reason: string): boolean {
    const work = this.#running.get(executionId);
    if (work === undefined) this.log({ event: 'cancel', executionId, reason, outcome: 'UNKNOWN' });
    else work.cancel({ event: 'cancel', reason });
    return work !== undefined;
  }

  obey(order: Order): void {
    if ('release' in order) this.#shop.gate.release(order.release);
    else this.#refuses = order.refuse;
    this.log({ event: 'order' });
  }

  /** Registers for all types, and goes on renewing in the background. */
  async register(address: string): Promise<void> {
    await this.#registerAll(address);
    const renewing = async (): Promise<void> => {
      for (;;) {
        await delay((this.#options.ttlSeconds * 1000) / 3, undefined, { signal: this.#gone.signal }).catch(() => {});
        if (this.#gone.signal.aborted) return;
        await this.#registerAll(address);
      }
    };
    renewing().catch(this.fault);
  }

  /** Pulls in the background. */
  pull(waitMs: number): void {
    const pulling = async (): Promise<void> => {
      while (!this.#gone.signal.aborted) await this.#acquire(waitMs);
    };
    pulling().catch(this.fault);
  }

  /** Takes no more work and ends its registrations. */
  async leave(): Promise<void> {
    this.#gone.abort();
    for (const registrationId of this.#registrationIds.values()) {
      await this.#client.call(method.unregisterStageRunner, { registrationId }).catch(() => {});
    }
    this.#shop.reports.close();
  }

  get #client() {
    return this.#shop.reports.client(this.#options.orchestrator);
  }

  async #registerAll(address: string): Promise<void> {
    const { runnerId, runnerTypes, maxConcurrent, metadata } = this.#options;
    const ttlSeconds = BigInt(this.#options.ttlSeconds);
    const supportedModes = this.modes.map((mode) => ExecutionMode[mode]);
    for (const runnerType of runnerTypes) {
      const request = { runnerId, runnerType, address, supportedModes, maxConcurrent, ttlSeconds, metadata };
      const reply = await persist((init) => this.#client.call(method.registerStageRunner, request, init));
      this.#registrationIds.set(runnerType, reply.response?.registrationId ?? '');
      this.log({ event: 'register', outcome: reply.outcome, reason: reply.reason });
    }
  }

  async #acquire(waitMs: number): Promise<void> {
    const { runnerId, runnerTypes, maxConcurrent } = this.#options;
    const room = (maxConcurrent === 0 ? MOST_AT_ONCE : maxConcurrent) - this.#running.size;
    if (room <= 0) return pauseShortly();
    const request = {
      runnerId,
      runnerTypes: [...runnerTypes],
      maxExecutions: room,
      wait: { seconds: BigInt(Math.floor(waitMs / 1000)), nanos: (waitMs % 1000) * 1e6 },
      heldExecutionIds: [...this.#held],
    };
    const signal = this.#gone.signal;
    const { executions } = await this.#client
      .call(method.acquireStageExecutions, request, { signal, deadline: Date.now() + waitMs + 5000 })
      .catch(async () => {
        await pauseShortly();
        return { executions: [] };
      });
    if (executions.length > 0) this.log({ event: 'acquire', count: executions.length });
    for (const execution of executions) this.#acquired(execution).catch(this.fault);
  }

  async #acquired(execution: RunRequest): Promise<void> {
    const { executionId } = execution;
    this.#held.add(executionId);
    const work = this.begin('ACQUIRE', execution);
    const ending = await this.finish(work);
    if (typeof ending !== 'string') await work.complete(ending);
    this.#held.delete(executionId);
  }
}

function pauseShortly(): Promise<void> {
  return delay(20);
}
