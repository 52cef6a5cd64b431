import { create } from '@bufbuild/protobuf';
import { TurboCIOrchestrator, type WriteNodesResponse } from '../../gen/turboci/v1/service_pb.js';
import type { RunResponse } from '../../gen/turboci/v1/stagerunner_pb.js';
import { announced } from './announce.ts';
import { type Answer, type AttemptFailure, runResponse, Verdict } from './answer.ts';
import { isAway, type OrchestratorClient, saysNotOurs } from './client.ts';
import { ExecutionStopped, type Handler, type NodeWrites, type StopCause } from './handler.ts';
import { retried } from './retried.ts';
import type { RunnerSystem } from './system.ts';
import type { Task } from './task.ts';
import { Updates } from './updates.ts';

/** How long an answer waits for the progress before it. */
const FLUSH_MS = 2_000;

export type ExecutionInit = {
  readonly task: Task;
  readonly handler: Handler;
  /** Takes updates and nodes. */
  readonly client: OrchestratorClient;
  /** By this machine's clock; undefined = none. */
  readonly deadlineMs: number | undefined;
  /** See UpdatesDeps. */
  readonly beatMs: number | undefined;
  /**
   * What the server hears of the start: nothing (the call is its sign), that the handler was called, or that it is about
   * to be: then the handler waits for the server to agree.
   */
  readonly announce: 'NEVER' | 'AFTER' | 'BEFORE';
  readonly system: RunnerSystem;
  readonly onProblem: (message: string, error: unknown) => void;
  /** The handler is called now. */
  readonly onBegin: () => void;
};

/** How a handler ended, as it may be sent. */
export type Ended = { readonly response: RunResponse; readonly failure: AttemptFailure | undefined };

/** One call of a handler, from before its start until its answer is delivered. */
export class Execution {
  readonly task: Task;
  /** Resolves when the handler has ended and its progress is sent, or when it is not called at all; never rejects. */
  readonly ended: Promise<Ended>;
  readonly #init: ExecutionInit;
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  #stopped: ExecutionStopped | undefined;
  #updates: Updates | undefined;
  #hasBegun = false;
  #hasEnded = false;

  constructor(init: ExecutionInit) {
    this.#init = init;
    this.task = init.task;
    this.ended = this.#execute();
  }

  /** Whether the handler was called. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Set once the server no longer wants the answer. */
  get lost(): ExecutionStopped | undefined {
    return this.#stopped?.stopCause === 'LOST' ? this.#stopped : undefined;
  }

  /** Tells the handler to stop. The first cause is the handler's; LOST also counts after another. */
  stop(cause: StopCause, message: string): void {
    if (this.#hasEnded) return;
    const stopped = new ExecutionStopped(cause, message);
    if (this.#stopped === undefined || cause === 'LOST') this.#stopped = stopped;
    this.#stop.abort(stopped);
  }

  /** Waits for the handler no longer. */
  abandon(): void {
    this.#abandon.abort();
  }

  /** Beats no longer: the answer is delivered or given up. */
  async close(): Promise<void> {
    await this.#updates?.end();
  }

  async #execute(): Promise<Ended> {
    const { system, deadlineMs } = this.#init;
    const timeOut = (): void => this.stop('DEADLINE', 'the attempt has run into its timeout');
    const cancelTimer = deadlineMs === undefined ? undefined : system.after(deadlineMs - system.now(), timeOut);
    const ended = (await this.#refused()) ?? (await this.#run());
    cancelTimer?.();
    this.#hasEnded = true;
    return ended;
  }

  /** Asks the server whether the handler may be called, if that is to be asked; undefined = it may. */
  async #refused(): Promise<Ended | undefined> {
    const { client, system, beatMs, announce, task, onProblem } = this.#init;
    if (announce !== 'BEFORE') return undefined;
    const { signal } = this.#stop;
    try {
      if (await announced(task.executionId, { client, system, longestWaitMs: beatMs, signal })) this.#cancel();
      if (!signal.aborted) return undefined;
    } catch (error) {
      if (!signal.aborted && !saysNotOurs(error)) onProblem('the server does not let the execution begin', error);
      if (!signal.aborted) this.#lose(error);
    }
    return this.#failed(signal.reason);
  }

  async #run(): Promise<Ended> {
    const { client, system, beatMs, announce, onProblem, onBegin, task } = this.#init;
    this.#hasBegun = true;
    onBegin();
    this.#updates = new Updates({
      client,
      system,
      executionId: task.executionId,
      beatMs,
      beatAtOnce: announce === 'AFTER',
      onProblem,
      onCancelRequested: () => this.#cancel(),
      onLost: (error) => this.#lose(error),
    });
    const ended = await this.#answer(this.#updates);
    await this.#updates.flush(FLUSH_MS);
    return ended;
  }

  #cancel(): void {
    this.stop('CANCELLED', 'the stage was cancelled');
  }

  #lose(error: unknown): void {
    this.stop('LOST', `the execution is no longer this runner's: ${messageOf(error)}`);
  }

  async #answer(updates: Updates): Promise<Ended> {
    const { task, handler } = this.#init;
    const context = {
      signal: this.#stop.signal,
      progress: updates.progress.bind(updates),
      writeNodes: (nodes: NodeWrites) => this.#writeNodes(nodes),
    };
    const abandoned = new Promise<never>((_, reject) => {
      this.#abandon.signal.addEventListener('abort', () => reject(new Error('the handler did not end when told to')));
    });
    try {
      const answer: Answer = (await Promise.race([called(handler, task, context), abandoned])) ?? {};
      const failure = answer.failure && { ...answer.failure, reason: answer.failure.reason ?? this.#reason };
      return { response: runResponse({ ...answer, failure }), failure };
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): Ended {
    const failure = this.#failure(error);
    return { response: runResponse({ failure }), failure };
  }

  /** Why there is no answer: in the handler's words, unless it only passed on that it was told to stop. */
  #failure(error: unknown): AttemptFailure {
    const stopped = this.#stopped;
    const reason = this.#reason;
    if (error instanceof Verdict) return { message: error.message, reason: error.reason ?? reason, retry: false };
    if (stopped === undefined) return { message: messageOf(error), reason };
    const isEcho = error === this.#stop.signal.reason || (error instanceof Error && error.name === 'AbortError');
    const message = isEcho ? stopped.message : `${stopped.message}: ${messageOf(error)}`;
    return { message, reason };
  }

  /** Of a failure that names none. */
  get #reason(): string {
    return this.#stopped === undefined ? 'EXECUTOR_FAILURE' : stopReasons[this.#stopped.stopCause];
  }

  #writeNodes({ checks = [], stages = [], reason = '' }: NodeWrites): Promise<WriteNodesResponse> {
    const { client, system, task } = this.#init;
    const { signal } = this.#stop;
    const request = create(TurboCIOrchestrator.method.writeNodes.input, {
      workPlanId: task.planId,
      checks: [...checks],
      stages: [...stages],
      reason,
      requestId: system.newId(),
      attempt: { stageId: task.stageId, attemptIdx: task.attemptIdx, processUid: task.executionId },
    });
    return retried(() => client.call(TurboCIOrchestrator.method.writeNodes, request, { withinMs: 60_000, signal }), {
      system,
      signal,
      mayRetry: isAway,
    });
  }
}

const stopReasons: Readonly<Record<StopCause, string>> = {
  CANCELLED: 'CANCELLED',
  DEADLINE: 'TIMEOUT',
  LOST: 'LOST',
  STOPPING: 'RUNNER_STOPPED',
};

/** A handler may throw before it answers a promise. */
async function called(handler: Handler, ...given: Parameters<Handler>): Promise<Answer | undefined> {
  return (await handler(...given)) ?? undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
