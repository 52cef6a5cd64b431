import type { Logger } from '../../domain/logger.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import type { AttemptKey } from '../../storage/attempt-repository.ts';
import type { Storage } from '../../storage/storage.ts';
import { endCancelled } from '../edit/cancel.ts';
import type { EditEffects } from '../edit/edit-effects.ts';
import type { Editor, EffectListener } from '../edit/editor.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { BackgroundService } from '../orchestrator.ts';
import { liveAttemptOf } from './claim.ts';

/** Deadlines handled at a time. */
const BATCH = 256;
const RETRY_MS = 1000;

export type TimersDeps = {
  readonly storage: Storage;
  readonly editor: Editor;
  readonly clock: Clock;
  readonly log: Logger;
};

/** What one round of the timers did. `late` ones met an attempt that had moved on: a no-op. */
export type TimerRound = { readonly fired: number; readonly late: number };

/**
 * Acts on the deadlines that are persisted with attempts. The next one due is found by index; memory holds a single
 * timer for it, armed by commits and after each round.
 */
export class Timers implements BackgroundService, EffectListener {
  readonly #deps: TimersDeps;
  #isRunning = false;
  #armedFor: number | undefined;
  #disarm: CancelTimer = () => {};
  #round: Promise<void> = Promise.resolve();

  constructor(deps: TimersDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
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
    const { storage, editor } = this.#deps;
    let fired = 0;
    let late = 0;
    for (;;) {
      const due = await storage.read((snapshot) => snapshot.timers.due(now, BATCH));
      const results = await Promise.all(due.map((key) => fire(editor, key, now)));
      const acted = results.filter((didAct) => didAct).length;
      fired += acted;
      late += results.length - acted;
      // Deadlines that nobody acts on stay due: another look at them would find the same ones for ever.
      if (due.length < BATCH || acted === 0) return { fired, late };
    }
  }

  #arm(at: number): void {
    if (!this.#isRunning || (this.#armedFor !== undefined && this.#armedFor <= at)) return;
    this.#disarm();
    this.#armedFor = at;
    this.#disarm = this.#deps.clock.after(at - this.#deps.clock.now(), () => {
      this.#armedFor = undefined;
      this.#schedule();
    });
  }

  /** Queues a round behind the one that may be running. */
  #schedule(): void {
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

/** Answers whether the deadline still meant something. */
function fire(editor: Editor, key: AttemptKey, now: number): Promise<boolean> {
  return editor.edit(
    key.planId,
    { actor: 'server', reason: '' },
    {
      change: (edit) => meetDeadline(edit, key, now),
      answer: async (_saved, acted) => acted,
    },
  );
}

async function meetDeadline(edit: PlanEdit, key: AttemptKey, now: number): Promise<boolean> {
  const live = await liveAttemptOf(edit, key);
  if (live === undefined) return false;
  const { cancelBy } = live.attempt.current;
  if (cancelBy === undefined || cancelBy > now) return false;
  await endCancelled(edit, live.stage, live.stage.current.cancelReason);
  return true;
}
