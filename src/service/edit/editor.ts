import { AppError } from '../../domain/error.ts';
import type { PlanHistoryEvent } from '../../domain/event.ts';
import type { Clock, Random } from '../../domain/ports.ts';
import type { Storage, UnitOfWork, WriteOptions } from '../../storage/storage.ts';
import type { EditEffects } from './edit-effects.ts';
import { HandOut, type PlaceFinder } from './hand-out.ts';
import { PlanEdit } from './plan-edit.ts';
import { propagate } from './propagate.ts';
import { type SavedEdit, saveEdit } from './save.ts';

/** Wants to know what changed in plans. Called after the commit, before the caller is answered; must not throw. */
export interface ChangeListener {
  planChanged(planId: string, events: readonly PlanHistoryEvent[], sizes: readonly number[]): void;
}

/** Acts on what an edit entails. Called after the commit, before the caller is answered; must not throw. */
export interface EffectListener {
  effectsDue(planId: string, effects: EditEffects): void;
}

export type EditorDeps = { readonly storage: Storage; readonly clock: Clock; readonly random: Random };

/** Who makes an edit, and why. */
export type EditBy = { readonly actor: string; readonly reason: string };

/** One change of a plan, as a function over its edit, and the answer to give once it is saved. */
export type PlanWork<Changed, Answer> = {
  /** Runs first; an answer from here ends the unit without touching the plan (a repeated request). */
  readonly replay?: (uow: UnitOfWork) => Promise<Answer | undefined>;
  readonly change: (edit: PlanEdit) => Promise<Changed>;
  readonly answer: (saved: SavedEdit, changed: Changed, uow: UnitOfWork) => Promise<Answer>;
};

/** Runs changes of plans: each one unit of work that loads, changes, propagates to quiescence and saves. */
export class Editor {
  readonly #deps: EditorDeps;
  readonly #changeListeners: ChangeListener[] = [];
  readonly #effectListeners: EffectListener[] = [];
  #places: PlaceFinder = () => undefined;

  constructor(deps: EditorDeps) {
    this.#deps = deps;
  }

  onChange(listener: ChangeListener): void {
    this.#changeListeners.push(listener);
  }

  onEffects(listener: EffectListener): void {
    this.#effectListeners.push(listener);
  }

  /** Where attempts find executors that have room for them at once. */
  handOutTo(places: PlaceFinder): void {
    this.#places = places;
  }

  /** Changes an existing plan. Rejects with WORK_PLAN_NOT_FOUND, or with whatever the work threw: then nothing is stored. */
  edit<Changed, Answer>(
    planId: string,
    by: EditBy,
    work: PlanWork<Changed, Answer>,
    options?: WriteOptions,
  ): Promise<Answer> {
    const { storage, clock, random } = this.#deps;
    const handOut = new HandOut(this.#places);
    const unit = async (uow: UnitOfWork): Promise<Answer> => {
      // A unit whose transaction was lost to another one's failure runs once more.
      handOut.undo();
      const replayed = await work.replay?.(uow);
      if (replayed !== undefined) return replayed;
      const plan = await uow.workPlans.get(planId);
      if (plan === undefined) throw planNotFound(planId);
      const edit = new PlanEdit(uow, plan, { ...by, at: clock.now(), random: () => random.next() });
      const changed = await work.change(edit);
      await propagate(edit);
      handOut.take(edit);
      const saved = await saveEdit(edit);
      await handOut.brief(edit);
      this.announce(uow, saved, edit.effects);
      uow.afterCommit(() => handOut.start());
      return work.answer(saved, changed, uow);
    };
    return storage.write(unit, options).catch((error: unknown) => {
      handOut.undo();
      throw error;
    });
  }

  /** Has the listeners told once the unit is durable. */
  announce(uow: UnitOfWork, saved: SavedEdit, effects?: EditEffects): void {
    const { plan, events, sizes } = saved;
    if (events.length === 0) return;
    uow.afterCommit(() => {
      for (const listener of this.#changeListeners) listener.planChanged(plan.id, events, sizes);
      if (effects === undefined) return;
      for (const listener of this.#effectListeners) listener.effectsDue(plan.id, effects);
    });
  }
}

export function planNotFound(planId: string): AppError {
  return new AppError('WORK_PLAN_NOT_FOUND', `work plan "${planId}" does not exist`, {
    metadata: { resource_type: 'work_plan', resource_name: planId },
  });
}

export function stageNotFound(planId: string, stageId: string): AppError {
  return new AppError('STAGE_NOT_FOUND', `work plan "${planId}" has no stage "${stageId}"`, {
    metadata: { resource_type: 'stage', resource_name: stageId },
  });
}
