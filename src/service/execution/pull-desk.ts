import { AppError } from '../../domain/error.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import { ANSWER_BYTES, taskBytes } from './claim.ts';
import type { RunnerTask } from './runner-calls.ts';

/** One AcquireStageExecutions call that waits for work. It is answered with all that is being reserved for it at a time. */
export class Waiter {
  readonly runnerId: string;
  readonly runnerTypes: ReadonlySet<string>;
  readonly #result = Promise.withResolvers<readonly RunnerTask[]>();
  readonly #got: RunnerTask[] = [];
  #bytes = 0;
  #free: number;
  #pending = 0;
  #isOpen = true;
  #isOverdue = false;

  constructor(runnerId: string, runnerTypes: readonly string[], maxExecutions: number) {
    this.runnerId = runnerId;
    this.runnerTypes = new Set(runnerTypes);
    this.#free = maxExecutions;
  }

  /** What it gets: empty when its time was up before there was anything. */
  get tasks(): Promise<readonly RunnerTask[]> {
    return this.#result.promise;
  }

  /** Whether it takes one more. */
  get hasRoom(): boolean {
    return this.#isOpen && this.#free > 0 && this.#bytes < ANSWER_BYTES;
  }

  /** One of its places is being filled. */
  hold(): void {
    this.#free -= 1;
    this.#pending += 1;
  }

  /** There was nothing for a place. */
  free(): void {
    this.#free += 1;
    this.#pending -= 1;
    this.#settle();
  }

  /** Hands over what was reserved for a place; false when the call has ended, or is full: then nobody has it. */
  deliver(task: RunnerTask): boolean {
    if (!this.#isOpen) return false;
    this.#pending -= 1;
    this.#settle();
    if (this.#bytes >= ANSWER_BYTES) return false;
    this.#bytes += taskBytes(task);
    this.#got.push(task);
    return true;
  }

  /** Its time to wait is over; what is being reserved still comes. */
  timeUp(): void {
    this.#isOverdue = true;
    this.#settle();
  }

  /** The call is answered with an error, unless it has got something. */
  refuse(error: AppError): void {
    this.#isOpen = false;
    if (this.#got.length > 0) this.#result.resolve(this.#got);
    else this.#result.reject(error);
  }

  /** The call has ended. */
  close(): void {
    this.#isOpen = false;
    this.#result.resolve(this.#got);
  }

  /** In a moment: what one queue left over may be filled from another one right now. */
  #settle(): void {
    queueMicrotask(() => {
      if (this.#pending === 0 && (this.#got.length > 0 || this.#isOverdue)) this.close();
    });
  }
}

/** The runners that wait for work, in the order in which they came. */
export class PullDesk {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiters = new Set<Waiter>();
  readonly #underWay = new Set<string>();

  /** `limit` is how many calls may wait. */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** The execution is being given to a call: no other call of the same runner gets it until that has ended. */
  begin(executionId: string): void {
    this.#underWay.add(executionId);
  }

  end(executionId: string): void {
    this.#underWay.delete(executionId);
  }

  isUnderWay(executionId: string): boolean {
    return this.#underWay.has(executionId);
  }

  /**
   * Lets a call wait until it gets something, its time is up, or it is given up. `lookAround` is called when it waits, to
   * find what is there already; it resolves when all that was being reserved then is.
   */
  async wait(waiter: Waiter, waitMs: number, signal: AbortSignal, lookAround: () => Promise<void>) {
    if (signal.aborted) return [];
    if (this.#waiters.size >= this.#limit) throw tooManyWait(this.#limit);
    const close = (): void => waiter.close();
    const timeUp = (): void => waiter.timeUp();
    let cancel: CancelTimer = () => {};
    signal.addEventListener('abort', close, { once: true });
    this.#waiters.add(waiter);
    try {
      const looked = lookAround();
      if (waitMs > 0) cancel = this.#clock.after(waitMs, timeUp);
      // What another call did not take is there then: a second look finds it.
      else void looked.then(lookAround).then(timeUp);
      return await waiter.tasks;
    } finally {
      this.#waiters.delete(waiter);
      cancel();
      signal.removeEventListener('abort', close);
    }
  }

  /** A runner is not registered for a type any more: its calls that wait for it are refused. */
  gone(runnerId: string, runnerType: string): void {
    for (const waiter of this.#waiters) {
      if (waiter.runnerId === runnerId && waiter.runnerTypes.has(runnerType))
        waiter.refuse(notRegistered(runnerId, runnerType));
    }
  }

  /** The first waiter for a type with the least load; `loadOf` answers undefined for runners without room. */
  pick(runnerType: string, loadOf: (runnerId: string) => number | undefined) {
    let best: { readonly waiter: Waiter; readonly load: number } | undefined;
    for (const waiter of this.#waiters) {
      if (!waiter.hasRoom || !waiter.runnerTypes.has(runnerType)) continue;
      const load = loadOf(waiter.runnerId);
      if (load !== undefined && (best === undefined || load < best.load)) best = { waiter, load };
    }
    return best;
  }
}

/** The refusal of a pull by a runner that is not registered. */
export function notRegistered(runnerId: string, runnerType: string): AppError {
  const what = runnerType === '' ? 'for any type' : `for "${runnerType}"`;
  return new AppError('REGISTRATION_NOT_FOUND', `runner "${runnerId}" is not registered ${what}; register it first`, {
    metadata: { resource_type: 'runner', resource_name: runnerId, runner_type: runnerType },
  });
}

function tooManyWait(limit: number): AppError {
  return new AppError('PULLERS_LIMIT', `${limit} calls wait for work already; ask again in a moment`, {
    metadata: { limit: String(limit) },
  });
}
