import { AppError } from '../../domain/error.ts';
import type { Ids } from '../../domain/ports.ts';
import { parseQueue, queueOf } from '../../domain/queue.ts';
import type { RunnerRegistration } from '../../domain/runner.ts';
import { type ExecutionMode, executionModes } from '../../domain/stage.ts';
import type { Handover } from '../edit/attempt-life.ts';
import type { EditEffects } from '../edit/edit-effects.ts';
import type { EffectListener } from '../edit/editor.ts';
import type { Place } from '../edit/hand-out.ts';
import type { BackgroundService } from '../orchestrator.ts';
import { type Reserved, reserve, runnerTask } from './claim.ts';
import { ExecutionRecord } from './execution-record.ts';
import type { PullDesk } from './pull-desk.ts';
import { ReadyRing } from './ready-ring.ts';
import type { RunnerCalls, RunnerTask } from './runner-calls.ts';
import type { RunnerLoads } from './runner-loads.ts';
import type { RunnerRegistry } from './runner-registry.ts';
import { RunnerRun, type RunnerRunDeps } from './runner-run.ts';
import type { RunnerRuns } from './runner-runs.ts';

/** Reservations of one unit of work, shared among the plans that wait, so that none takes all the room there is. */
const BATCH = 32;

/** Units of work of one queue that may be under way. */
const UNITS = 16;

/** How long offers that are under way may still be answered when the server stops. */
const OFFER_GRACE_MS = 2000;

export type RunnerDispatcherDeps = Omit<RunnerRunDeps, 'runners'> & {
  readonly ids: Ids;
  readonly calls: RunnerCalls;
  readonly registry: RunnerRegistry;
  readonly loads: RunnerLoads;
  readonly desk: PullDesk;
  readonly runs: RunnerRuns;
  /** Has a plan told of again whose attempts could not be reserved. */
  readonly retryLater: (queue: string, planId: string) => void;
};

/** One runner type in one mode: the plans that have attempts for it. */
type Queue = {
  readonly name: string;
  readonly runnerType: string;
  readonly mode: ExecutionMode;
  readonly ready: ReadyRing;
  /** Units of work that are under way. */
  readonly units: Set<Promise<void>>;
  /** When it last got takers, as a count. */
  servedAt: number;
};

/** Somebody who has room for one attempt: a runner to push to, or one that asked. Its load counts the attempt already. */
type Taker = {
  readonly handover: Handover;
  /** What else it could take in place of what there is none of. */
  readonly runnerTypes: Iterable<string>;
  /** The reservation is durable. */
  start(task: RunnerTask): void;
  /** There was nothing to reserve. */
  release(): void;
};

/**
 * Hands attempts to runners the moment there is both: woken by commits, registrations and freed capacity, it never polls.
 * Queues do not wait for each other, nor do plans or runners: a unit of work reserves a plan's attempts for the runners
 * that have room, then each is called by itself.
 */
export class RunnerDispatcher implements BackgroundService, EffectListener {
  readonly #deps: RunnerDispatcherDeps;
  readonly #queues = new Map<string, Queue>();
  readonly #work = new Set<Promise<void>>();
  readonly #offers = new Set<Promise<void>>();
  #isRunning = false;
  #turns = 0;

  constructor(deps: RunnerDispatcherDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
  }

  /**
   * Hands out nothing more. Offers that are under way may still be answered for a moment; blocking calls are cut, and
   * left to the recovery of the next start.
   */
  async stop(): Promise<void> {
    this.#isRunning = false;
    const { clock, marks, runs } = this.#deps;
    marks.stop();
    const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(OFFER_GRACE_MS, resolve);
    await Promise.race([Promise.all(this.#offers), timeIsUp]);
    cancel();
    runs.cutAll();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Executions that ended, or were taken back, make room. */
  effectsDue(_planId: string, { released }: EditEffects): void {
    const types = new Set<string>();
    for (const executionId of released) {
      const runnerType = this.#deps.loads.remove(executionId);
      if (runnerType !== undefined) types.add(runnerType);
    }
    if (types.size > 0) this.roomAt([...types]);
  }

  /** The plan has attempts to start in the queue. */
  available(name: string, planId: string): void {
    const queue = this.#queues.get(name) ?? {
      name,
      ...parseQueue(name),
      ready: new ReadyRing(),
      units: new Set<Promise<void>>(),
      servedAt: 0,
    };
    this.#queues.set(name, queue);
    queue.ready.add(planId);
    this.#fill(queue);
  }

  /**
   * Room for one attempt that an edit is making available, at a runner that is called, while nothing of its type waits.
   * Runners that wait for work get it by the queue, as much of it at a time as they asked for.
   */
  placeFor(name: string, leaving: ReadonlySet<string>): Place | undefined {
    const { runnerType, mode } = parseQueue(name);
    if (!this.#isRunning || this.#queuesOf(runnerType).some(({ ready }) => ready.size > 0)) return undefined;
    const { registry } = this.#deps;
    const below = this.#waiting(runnerType)?.load;
    const runner = registry.pick(runnerType, mode, { below, leaving });
    if (runner === undefined) return undefined;
    const taker = this.#pushTaker(runner, mode);
    const { handover } = taker;
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    track(this.#work, settled);
    return {
      handover,
      brief: async (edit, { stage, attempt }) => {
        const task = await runnerTask(edit, stage, attempt, handover.executionId);
        return () => {
          taker.start(task);
          settle();
        };
      },
      release: () => {
        taker.release();
        settle();
        this.roomAt([runnerType]);
      },
    };
  }

  /** Somebody may have room for attempts of these types. Types and modes take turns: what was served last comes last. */
  roomAt(runnerTypes: readonly string[]): void {
    const queues = runnerTypes.flatMap((type) => this.#queuesOf(type));
    for (const queue of queues.sort((a, b) => a.servedAt - b.servedAt)) this.#fill(queue);
  }

  /** Resolves when nothing of these types is being reserved that was when it was called. */
  async settled(runnerTypes: readonly string[]): Promise<void> {
    await Promise.all(runnerTypes.flatMap((type) => this.#queuesOf(type).flatMap(({ units }) => [...units])));
  }

  #queuesOf(runnerType: string): Queue[] {
    return executionModes
      .map((mode) => this.#queues.get(queueOf(runnerType, mode) ?? ''))
      .filter((queue) => queue !== undefined);
  }

  #fill(queue: Queue): void {
    const { ready, units } = queue;
    while (this.#isRunning && ready.size > 0 && units.size < UNITS) {
      const takers = this.#takers(queue, Math.max(1, Math.floor(BATCH / ready.size)));
      const planId = takers.length === 0 ? undefined : ready.take();
      if (planId === undefined) return;
      queue.servedAt = ++this.#turns;
      const unit = this.#serve(queue, planId, takers);
      track(this.#work, unit);
      track(units, unit, () => this.#fill(queue));
    }
    if (ready.size === 0 && units.size === 0) this.#queues.delete(queue.name);
  }

  #takers(queue: Queue, limit: number): readonly Taker[] {
    const takers: Taker[] = [];
    for (let taker = this.#taker(queue); taker !== undefined; taker = this.#taker(queue)) {
      takers.push(taker);
      if (takers.length === limit) break;
    }
    return takers;
  }

  /** Of the runners that wait and those that can be called the one with the least load. */
  #taker({ runnerType, mode }: Queue): Taker | undefined {
    const { registry, desk } = this.#deps;
    const waiting = this.#waiting(runnerType);
    const called = registry.pick(runnerType, mode, { below: waiting?.load });
    if (called !== undefined) return this.#pushTaker(called, mode);
    if (waiting === undefined) return undefined;
    const { waiter } = waiting;
    const { handover, release } = this.#hold(waiter.runnerId, runnerType, 'ACQUIRE');
    const { executionId } = handover;
    waiter.hold();
    desk.begin(executionId);
    return {
      handover,
      runnerTypes: waiter.runnerTypes,
      start: (task) => {
        if (waiter.deliver(task)) return;
        track(
          this.#work,
          this.#takeBack(task).finally(() => desk.end(executionId)),
        );
      },
      release: () => {
        release();
        desk.end(executionId);
        waiter.free();
      },
    };
  }

  #waiting(runnerType: string) {
    const { registry, desk } = this.#deps;
    return desk.pick(runnerType, (runnerId) => registry.roomOf(runnerId, runnerType));
  }

  #pushTaker(runner: RunnerRegistration, mode: ExecutionMode): Taker {
    const { runs } = this.#deps;
    const dispatch = mode === 'SYNC' ? 'RUN' : 'RUN_ASYNC';
    const { handover, release } = this.#hold(runner.runnerId, runner.runnerType, dispatch);
    const { executionId } = handover;
    runs.expect(executionId);
    return {
      handover,
      runnerTypes: [runner.runnerType],
      start: (task) => this.#push(runner, task, dispatch),
      release: () => {
        release();
        runs.end(executionId);
      },
    };
  }

  #hold(runnerId: string, runnerType: string, dispatch: Handover['dispatch']) {
    const { ids, loads } = this.#deps;
    const executionId = ids.execution();
    loads.add({ executionId, runnerId, runnerType });
    const handover: Handover = { executionId, dispatch, runnerId };
    return { handover, release: () => void loads.remove(executionId) };
  }

  /** One unit of work: the plan's attempts for the takers; what is left over goes back. Never rejects. */
  async #serve(queue: Queue, planId: string, takers: readonly Taker[]): Promise<void> {
    const { tasks, mayBeMore } = await this.#reserve(queue, planId, takers);
    if (mayBeMore) queue.ready.add(planId);
    const free = new Set<string>();
    for (const [index, taker] of takers.entries()) {
      const task = tasks[index];
      if (task !== undefined) {
        taker.start(task);
        continue;
      }
      taker.release();
      for (const runnerType of taker.runnerTypes) free.add(runnerType);
    }
    if (free.size > 0) this.roomAt([...free]);
  }

  async #reserve(queue: Queue, planId: string, takers: readonly Taker[]): Promise<Reserved> {
    const { editor, clock, log, retryLater } = this.#deps;
    const handovers = takers.map(({ handover }) => handover);
    try {
      return await editor.edit(
        planId,
        { actor: 'server', reason: '' },
        {
          change: (edit) => reserve(edit, queue.name, handovers, clock.now()),
          answer: async (_saved, reserved) => reserved,
        },
      );
    } catch (error) {
      if (error instanceof AppError && error.reason === 'WORK_PLAN_NOT_FOUND') return nothing;
      log.warn({ work_plan_id: planId, queue: queue.name, err: error }, 'attempts can not be handed out yet');
      retryLater(queue.name, planId);
      return nothing;
    }
  }

  #push(runner: RunnerRegistration, task: RunnerTask, dispatch: 'RUN' | 'RUN_ASYNC'): void {
    const { runs, registry } = this.#deps;
    const run = new RunnerRun({ ...this.#deps, runners: registry }, runner, task);
    if (!this.#isRunning || !runs.begin(task.executionId, run)) {
      runs.end(task.executionId);
      track(this.#work, this.#takeBack(task));
      return;
    }
    const work = run.run(dispatch, () => !this.#isRunning).finally(() => runs.end(task.executionId));
    track(this.#work, work);
    if (dispatch === 'RUN_ASYNC') track(this.#offers, work);
  }

  /** Nobody has begun it. */
  async #takeBack(task: RunnerTask): Promise<void> {
    const record = new ExecutionRecord(this.#deps, task);
    try {
      await record.takeBack(() => !this.#isRunning);
    } catch (error) {
      this.#deps.log.error({ ...record.ids(), err: error }, 'an attempt can not be taken back');
    }
  }
}

const nothing: Reserved = { tasks: [], mayBeMore: false };

/** Keeps work in the set while it is under way; `then` is called when it is not any more. */
function track(set: Set<Promise<void>>, work: Promise<void>, then: () => void = () => {}): void {
  const tracked = work.finally(() => {
    set.delete(tracked);
    then();
  });
  set.add(tracked);
}
