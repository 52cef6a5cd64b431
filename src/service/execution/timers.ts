import type { Logger } from '../../domain/logger.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import type { DueTimers } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EditEffects } from '../edit/edit-effects.ts';
import type { Editor, EffectListener } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { BackgroundService } from '../orchestrator.ts';
import { type BeatSource, meetDeadlines } from './deadlines.ts';
import { liveAttemptOf } from './live-attempt.ts';
import { timeOutStage } from './time-out.ts';

/** Deadlines handled at a time. */
const BATCH = 256;
const RETRY_MS = 1000;

/** A round so late means that the loop was held: what was sent in the meantime has not been read yet. */
const LATE_MS = 250;
const LONGEST_PATIENCE_MS = 1000;
/** In a row: a loop that is held all the time must not put deadlines off for ever. */
const MOST_WAITS = 10;

export type TimersDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly log: Logger;
  readonly beats: BeatSource;
};

/** What one round of the timers did. `late` ones met an attempt or a stage that had moved on: a no-op. */
export type TimerRound = { readonly fired: number; readonly late: number };

/**
 * Acts on the deadlines that are persisted with attempts and stages. The next one due is found by index; memory holds a
 * single timer for it, armed by commits and after each round.
 */
export class Timers implements BackgroundService, EffectListener {
  readonly #deps: TimersDeps;
  #isRunning = false;
  #startedAt = 0;
  #armedFor: number | undefined;
  #disarm: CancelTimer = () => {};
  #round: Promise<void> = Promise.resolve();

  constructor(deps: TimersDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#startedAt = this.#deps.clock.now();
    this.#schedule();
    await this.#round;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#disarm();
    this.#armedFor = undefined;
    await this.#round;
  }

  effectsDue(_planId: string, { dueAt }: EditEffects): void {
    if (dueAt !== undefined) this.#arm(dueAt);
  }

  /** Handles every deadline that is not after `now`. */
  async runOnce(now: number): Promise<TimerRound> {
    let fired = 0;
    let late = 0;
    for (;;) {
      const due = await this.#deps.storage.read((snapshot) => snapshot.timers.due(now, BATCH));
      const results = await Promise.allSettled(this.#fireAll(due, now));
      const acted = results.filter((one) => one.status === 'fulfilled' && one.value).length;
      const failed = results.find((one) => one.status === 'rejected');
      fired += acted;
      late += results.filter((one) => one.status === 'fulfilled' && !one.value).length;
      // One that can not be handled holds up no other; the rest of what is due comes with the next round.
      if (failed !== undefined) throw failed.reason;
      const isFull = due.attempts.length === BATCH || due.stages.length === BATCH;
      // Deadlines that nobody acts on stay due: another look at them would find the same ones for ever.
      if (!isFull || acted === 0) return { fired, late };
    }
  }

  #fireAll({ attempts, stages }: DueTimers, now: number): readonly Promise<boolean>[] {
    return [
      ...attempts.map((key) =>
        this.#fire(key.planId, async (edit) => {
          const live = await liveAttemptOf(edit, key);
          return live !== undefined && meetDeadlines(edit, live, now, this.#startedAt, this.#deps.beats);
        }),
      ),
      ...stages.map(({ planId, stageId }) =>
        this.#fire(planId, async (edit) => {
          const stage = await edit.stage(stageId);
          return stage !== undefined && timeOutStage(edit, stage);
        }),
      ),
    ];
  }

  /** Answers whether the deadline still meant something. */
  #fire(planId: string, meet: (edit: PlanEdit) => Promise<boolean>): Promise<boolean> {
    const work = { change: meet, answer: async (_saved: unknown, acted: boolean) => acted };
    return this.#deps.editor.edit(planId, { actor: 'server', reason: '' }, work);
  }

  #arm(at: number): void {
    if (!this.#isRunning || (this.#armedFor !== undefined && this.#armedFor <= at)) return;
    this.#disarm();
    this.#armedFor = at;
    this.#wait(at, MOST_WAITS);
  }

  /** Holds a round at a time; one that comes late gives signs of life the time that the server took from them. */
  #wait(until: number, waits: number): void {
    const { clock } = this.#deps;
    this.#disarm = clock.after(until - clock.now(), () => {
      const lateness = clock.now() - until;
      if (lateness < LATE_MS || waits === 0) this.#schedule();
      else this.#wait(clock.now() + Math.min(lateness, LONGEST_PATIENCE_MS), waits - 1);
    });
  }

  /** Queues a round behind the one that may be running; it arms the timer anew. */
  #schedule(): void {
    this.#armedFor = undefined;
    this.#round = this.#round.then(() => this.#runAndArm());
  }

  async #runAndArm(): Promise<void> {
    if (!this.#isRunning) return;
    const { storage, clock, log } = this.#deps;
    try {
      const { fired, late } = await this.runOnce(clock.now());
      if (late > 0) log.debug({ fired, late }, 'deadlines of attempts that had moved on');
      const next = await storage.read((snapshot) => snapshot.timers.nextDueAt());
      if (next !== undefined) this.#arm(next);
    } catch (error) {
      log.warn({ err: error }, 'deadlines can not be handled yet');
      this.#arm(clock.now() + RETRY_MS);
    }
  }
}
