import { queueOf } from '../../domain/queue.ts';
import { type Handover, handOver } from './attempt-life.ts';
import type { PlanEdit } from './plan-edit.ts';
import type { QueuedAttempt } from './stage-draft.ts';

/** Attempts that one unit of work hands out itself: what is beyond waits in the queue, for units of its own. */
const MOST = 32;

/** Room for one attempt at an executor, taken from the moment on at which it was found. */
export type Place = {
  readonly handover: Handover;
  /** Reads, in the unit that hands the attempt over, what its holder is to do. The answer tells the holder, once durable. */
  brief(edit: PlanEdit, queued: QueuedAttempt): Promise<() => void>;
  /** The attempt was not handed over after all. */
  release(): void;
};

/**
 * Finds room for one more attempt of a queue, if nobody waits there; undefined when there is none. The executions in
 * `leaving` end with the very edit that asks: their room counts as free.
 */
export type PlaceFinder = (queue: string, leaving: ReadonlySet<string>) => Place | undefined;

/**
 * Hands the attempts that an edit makes available to executors with room in the very unit of work that makes them: an
 * attempt that need not wait costs no commit and no revision of its own.
 */
export class HandOut {
  readonly #places: PlaceFinder;
  #taken: { readonly place: Place; readonly queued: QueuedAttempt }[] = [];
  #starts: (() => void)[] = [];

  constructor(places: PlaceFinder) {
    this.#places = places;
  }

  /** Takes places for what the edit queued. Before the edit is saved. */
  take(edit: PlanEdit): void {
    if (edit.queued.length === 0) return;
    const leaving = this.#leaving(edit);
    const full = new Set<string>();
    for (const queued of edit.queued) {
      if (this.#taken.length === MOST) return;
      const { stage, attempt } = queued;
      const { state, processUid, availableAt } = attempt.current;
      if (state !== 'PENDING' || processUid !== undefined || availableAt > edit.origin.at) continue;
      const queue = queueOf(stage.current.runnerType, stage.current.executionMode);
      if (queue === undefined || full.has(queue)) continue;
      const place = this.#places(queue, leaving);
      if (place === undefined) {
        full.add(queue);
        continue;
      }
      this.#taken.push({ place, queued });
      handOver(edit, stage, attempt, place.handover);
    }
  }

  /** What its own holder ended has made room. Whoever is to be told to stop may still be at work. */
  #leaving({ effects }: PlanEdit): ReadonlySet<string> {
    const leaving = new Set(effects.released);
    for (const { executionId } of effects.stops) leaving.delete(executionId);
    return leaving;
  }

  /** Reads what the holders are to do. After the edit was saved, in its unit. */
  async brief(edit: PlanEdit): Promise<void> {
    for (const { place, queued } of this.#taken) this.#starts.push(await place.brief(edit, queued));
  }

  /** The unit is durable: the holders are told. */
  start(): void {
    for (const start of this.#starts) start();
  }

  /** The unit has failed: nobody has anything. */
  undo(): void {
    for (const { place } of this.#taken) place.release();
    this.#taken = [];
    this.#starts = [];
  }
}
