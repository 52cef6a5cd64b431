import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { RunRequest } from '../../gen/turboci/v1/stagerunner_pb.js';
import { CallError, type OrchestratorClient } from './client.ts';
import { completing } from './complete.ts';
import type { OnEvent } from './event.ts';
import type { Executions } from './executions.ts';
import type { Registrar } from './registrar.ts';
import type { RunnerSystem } from './system.ts';
import { taskOf } from './task.ts';
import { beatInterval } from './updates.ts';
import { aborted, backoffMs, pause } from './waiting.ts';

/** How long the server may wait for work before it answers that there is none. */
const WAIT_MS = 30_000;
/** More than the wait: what the network may take. */
const CALL_MS = WAIT_MS + 10_000;
/** An answer without work should not come sooner. */
const SOON_MS = 1_000;
/** The most executions to ask for at a time. */
const MOST_AT_ONCE = 100;
/** A pulled execution has no other way to learn of its cancellation, whose grace time is 10 s. */
const LONGEST_BEAT_MS = 5_000;

export type PullLoopDeps = {
  readonly client: OrchestratorClient;
  readonly registrar: Registrar;
  readonly executions: Executions;
  readonly system: RunnerSystem;
  readonly onEvent: OnEvent;
  readonly runnerId: string;
  readonly runnerTypes: readonly string[];
};

/** Asks the server for work as long as there are free slots, one long call after the other. */
export class PullLoop {
  readonly #deps: PullLoopDeps;
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(deps: PullLoopDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Asks no more. What the server hands out at this very moment goes back to its queue, since it will not hear of it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { executions, system } = this.#deps;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      if (executions.free < 1) {
        await aborted(AbortSignal.any([signal, executions.slotFreed]));
        continue;
      }
      failures = (await this.#acquire(failures)) ? 0 : failures + 1;
      if (failures > 0) await pause(system, backoffMs(system, failures), signal);
    }
  }

  /** Answers whether to ask again at once. */
  async #acquire(failures: number): Promise<boolean> {
    const { client, executions, system, onEvent, registrar, runnerId, runnerTypes } = this.#deps;
    const { signal } = this.#stopping;
    const askedAt = system.now();
    const request = {
      runnerId,
      runnerTypes: [...runnerTypes],
      maxExecutions: Math.min(MOST_AT_ONCE, executions.free),
      wait: durationFromMs(WAIT_MS),
      heldExecutionIds: [...executions.ids],
    };
    try {
      const { acquireStageExecutions } = TurboCIOrchestrator.method;
      const answer = await client.call(acquireStageExecutions, request, { withinMs: CALL_MS, signal });
      for (const one of answer.executions) this.#begin(one);
      return answer.executions.length > 0 || system.now() - askedAt >= SOON_MS;
    } catch (error) {
      if (signal.aborted) return true;
      const isUnknown = error instanceof CallError && error.code === status.NOT_FOUND;
      if (isUnknown) registrar.renew();
      if (failures === 0 && !isUnknown) {
        onEvent({ type: 'problem', message: `cannot ask ${client.address} for work; trying again`, error });
      }
      return false;
    }
  }

  #begin(request: RunRequest): void {
    const { client, executions, registrar, runnerTypes, system } = this.#deps;
    const task = taskOf(request, runnerTypes[0] ?? '');
    if (executions.find(task.executionId) !== undefined || !executions.has(task.runnerType)) return;
    const deadlineMs = task.deadline && registrar.localTime(task.deadline.getTime());
    const beatMs = Math.min(LONGEST_BEAT_MS, beatInterval(task.heartbeatTimeoutMs) ?? LONGEST_BEAT_MS);
    executions.start(
      task,
      { client, deadlineMs, beatMs, announce: 'BEFORE' },
      completing({ client, system, deadlineMs }),
    );
  }
}
