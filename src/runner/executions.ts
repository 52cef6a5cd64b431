import type { AttemptFailure } from './answer.ts';
import type { OnEvent } from './event.ts';
import { type Ended, Execution, type ExecutionInit } from './execution.ts';
import type { Handler } from './handler.ts';
import type { RunnerSystem } from './system.ts';
import type { Task } from './task.ts';
import { aborted, pause, settled } from './waiting.ts';

/** How long handlers have to end once they were told to stop. */
const ABORT_MS = 10_000;
/** How long the last answers may then be on their way. */
const REPORT_MS = 5_000;

export type ExecutionsDeps = {
  readonly handlers: Readonly<Record<string, Handler>>;
  /** 0 = unlimited. */
  readonly maxConcurrent: number;
  readonly system: RunnerSystem;
  readonly onEvent: OnEvent;
};

export type StartInit = Pick<ExecutionInit, 'client' | 'deadlineMs' | 'beatMs' | 'announce'>;

/** What became of an answer: the server took it, or took a failure in its place, or neither. */
export type Delivery =
  | { readonly kind: 'TAKEN' }
  | { readonly kind: 'REPLACED'; readonly failure: AttemptFailure; readonly error: unknown }
  | { readonly kind: 'DISCARDED'; readonly error: unknown };

/** Brings an answer to the server; `giveUp` aborts when the runner waits no longer. */
export type Deliver = (execution: Execution, ended: Ended, giveUp: AbortSignal) => Promise<Delivery>;

/** The executions that a runner has, and its slots for more. */
export class Executions {
  readonly #deps: ExecutionsDeps;
  /** From the start to the delivered answer. */
  readonly #held = new Map<string, { readonly execution: Execution; readonly over: Promise<void> }>();
  /** Handlers that have not ended: what a slot is taken by. The server counts one less before it says so. */
  #running = 0;
  #slotFreed = new AbortController();
  readonly #graceOver = new AbortController();
  readonly #giveUp = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(deps: ExecutionsDeps) {
    this.#deps = deps;
  }

  /** Slots left: none once the runner stops, Infinity without a limit. */
  get free(): number {
    if (this.#stopped !== undefined) return 0;
    const { maxConcurrent } = this.#deps;
    return maxConcurrent === 0 ? Number.POSITIVE_INFINITY : Math.max(0, maxConcurrent - this.#running);
  }

  /** Aborts when next a slot gets free. */
  get slotFreed(): AbortSignal {
    return this.#slotFreed.signal;
  }

  get ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  find(executionId: string): Execution | undefined {
    return this.#held.get(executionId)?.execution;
  }

  has(runnerType: string): boolean {
    return Object.hasOwn(this.#deps.handlers, runnerType);
  }

  /**
   * Calls `begin` as soon as there is a slot, in the order of asking. Undefined if there was none before the signal aborted
   * or the runner stopped.
   */
  async whenFree<T>(begin: () => T, signal: AbortSignal): Promise<T | undefined> {
    for (;;) {
      if (signal.aborted || this.#stopped !== undefined) return undefined;
      if (this.free >= 1) return begin();
      await aborted(AbortSignal.any([signal, this.#slotFreed.signal]));
    }
  }

  /** Calls the handler of the task's type, which there has to be, and delivers its answer. */
  start(task: Task, init: StartInit, deliver: Deliver): Execution {
    const { handlers, system, onEvent } = this.#deps;
    const handler = handlers[task.runnerType];
    if (handler === undefined) throw new Error(`no handler for the runner type "${task.runnerType}"`);
    const startedAt = system.now();
    const onBegin = (): void => onEvent({ type: 'started', task });
    const onProblem = (message: string, error: unknown): void => onEvent({ type: 'problem', message, error, task });
    const execution = new Execution({ ...init, task, handler, system, onBegin, onProblem });
    this.#running += 1;
    this.#held.set(task.executionId, { execution, over: this.#finish(execution, deliver, startedAt) });
    return execution;
  }

  /**
   * Takes nothing more and waits for what there is: for `graceMs` undisturbed, then told to stop, at last given up.
   * Repeating it may shorten the grace.
   */
  async stop(graceMs: number): Promise<void> {
    const stopped = new AbortController();
    this.#stopped ??= this.#stop();
    const end = (): void => stopped.abort();
    this.#stopped.then(end, end);
    await pause(this.#deps.system, graceMs, stopped.signal);
    this.#graceOver.abort();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    const { system } = this.#deps;
    this.#tellSlotFreed();
    await this.#idleOr(this.#graceOver.signal);
    for (const { execution } of this.#held.values()) execution.stop('STOPPING', 'the runner stops');
    await settled(system, this.#idle(), ABORT_MS);
    for (const { execution } of this.#held.values()) execution.abandon();
    await settled(system, this.#idle(), REPORT_MS);
    this.#giveUp.abort();
    await this.#idle();
  }

  async #finish(execution: Execution, deliver: Deliver, startedAt: number): Promise<void> {
    const { onEvent, system } = this.#deps;
    const { task } = execution;
    const ended = await execution.ended;
    this.#running -= 1;
    this.#tellSlotFreed();
    const delivery = await deliver(execution, ended, this.#giveUp.signal);
    await execution.close();
    this.#held.delete(task.executionId);
    // Somebody else has it, and nothing came of it here.
    if (!execution.hasBegun && execution.lost !== undefined) return;
    const durationMs = system.now() - startedAt;
    if (delivery.kind !== 'TAKEN') {
      onEvent({ type: 'problem', message: 'the answer was not taken', error: delivery.error, task });
    }
    const failure = delivery.kind === 'REPLACED' ? delivery.failure : ended.failure;
    const outcome = delivery.kind === 'DISCARDED' ? 'DISCARDED' : failure === undefined ? 'COMPLETE' : 'FAILED';
    onEvent({ type: 'ended', task, outcome, failure, durationMs });
  }

  /** Wakes who waits for a slot. */
  #tellSlotFreed(): void {
    const told = this.#slotFreed;
    this.#slotFreed = new AbortController();
    told.abort();
  }

  async #idle(): Promise<void> {
    while (this.#held.size > 0) await Promise.all([...this.#held.values()].map(({ over }) => over));
  }

  async #idleOr(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#idle(), aborted(signal)]);
  }
}
