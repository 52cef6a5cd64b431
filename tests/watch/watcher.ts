import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../fault/dice.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Filters, Seen } from './judge.ts';
import type { LoadedPlan } from './load.ts';
import { revisionOf, wireKey } from './wire-key.ts';
import { WatchConnection, type WatchEnd, type WireWatch } from './wire-watch.ts';

/** What watchers have to know: which plans there are, where the server is, when no new watch is to begin. */
export type World = {
  readonly plans: readonly LoadedPlan[];
  /** Undefined while there is none. */
  address(): string | undefined;
  /** As the server says now; undefined if it does not answer. */
  revisionOf(plan: LoadedPlan): Promise<number | undefined>;
  readonly over: AbortSignal;
};

/** Most events that a watcher takes before it leaves. */
const MOST_EVENTS = 200;

/** What a watcher that rests lets go by, and how long it rests if nothing happens. */
const REST_REVISIONS = 50;
const LONGEST_REST_MS = 2000;

/** Where a watch begins, and what it wants to see. */
type Wish = Pick<Seen, 'filters' | 'since' | 'endOnCompletion' | 'earliest'> & { readonly plan: LoadedPlan };

/** One watch and what it has got so far. */
export class Watch {
  readonly wish: Wish;
  readonly keys: string[] = [];
  latest = Number.MAX_SAFE_INTEGER;
  end: WatchEnd | undefined;
  leave: () => void = () => {};

  constructor(wish: Wish) {
    this.wish = wish;
  }

  /** As the judge wants it; `isWhole`: nothing more is to come. */
  seen(isWhole: boolean): Seen {
    const { latest, keys, end = 'OPEN' } = this;
    return { ...this.wish, latest, keys, end, isWhole };
  }
}

/** Watches one plan after the other, for a while each, from where it left it or from anywhere else. */
export class Watcher {
  readonly watches: Watch[] = [];
  readonly #world: World;
  readonly #dice: Dice;
  readonly #over: Promise<void>;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    this.#over = new Promise((resolve) => world.over.addEventListener('abort', () => resolve()));
  }

  /** Returns when it is over; the watches that have not ended by then stand. */
  async run(): Promise<void> {
    while (!this.#world.over.aborted) {
      const address = this.#world.address();
      const connection = address === undefined ? undefined : await WatchConnection.open(address).catch(() => undefined);
      if (connection === undefined) {
        // The server is away; it does not say when it comes back.
        await Promise.race([this.#over, delay(20)]);
        continue;
      }
      // Watches on one connection share its window.
      const together = Array.from({ length: 1 + this.#dice.below(3) }, () => this.#watch(connection));
      await Promise.all(together);
      if (!this.#world.over.aborted) connection.cut();
    }
  }

  async #watch(connection: WatchConnection): Promise<void> {
    const dice = this.#dice;
    const watch = new Watch(this.#wish());
    this.watches.push(watch);
    const most = dice.chance(0.1) ? Number.POSITIVE_INFINITY : 1 + dice.below(MOST_EVENTS);
    const restAt = dice.chance(0.2) ? 1 + dice.below(50) : undefined;
    const isRude = dice.chance(0.3);
    const wire = connection.watch(requestOf(watch.wish), (event) => {
      if (watch.keys.length >= most) return;
      watch.keys.push(wireKey(event));
      if (watch.keys.length === restAt) void this.#rest(wire, watch.wish.plan);
      if (watch.keys.length < most) return;
      if (isRude) connection.cut();
      else wire.cancel();
    });
    watch.leave = () => wire.cancel();
    await wire.opened;
    watch.latest = (await this.#world.revisionOf(watch.wish.plan)) ?? watch.latest;
    const ended = wire.ended.then((end) => {
      // What the server said to one that had left by then was not all read.
      watch.end = watch.keys.length < most ? end : 'CUT';
    });
    await Promise.race([ended, this.#over]);
  }

  async #rest(wire: WireWatch, plan: LoadedPlan): Promise<void> {
    wire.pause();
    const until = plan.revision + REST_REVISIONS;
    const isEnough = () => plan.revision >= until || this.#world.over.aborted;
    await waitFor('a few revisions', isEnough, LONGEST_REST_MS).catch(() => {});
    wire.resume();
  }

  #wish(): Wish {
    const dice = this.#dice;
    const last = this.watches.at(-1);
    const key = last?.keys.at(-1);
    if (last !== undefined && key !== undefined && dice.chance(0.5)) {
      const { plan } = last.wish;
      return { ...last.wish, since: revisionOf(key), earliest: plan.revision, endOnCompletion: dice.chance(0.2) };
    }
    const plan = dice.pick(this.#world.plans);
    const since = someRevision(dice, plan.revision);
    return {
      plan,
      filters: someFilters(dice, plan),
      since,
      endOnCompletion: dice.chance(0.2),
      earliest: plan.revision,
    };
  }
}

function requestOf({ plan, filters, since, endOnCompletion }: Wish) {
  const at = since === undefined ? {} : { sinceRevision: BigInt(since) };
  return { workPlanId: plan.id, endOnCompletion, ...at, ...mutable(filters) };
}

/** Messages are made of arrays that may change. */
function mutable(filters: Filters) {
  const { checkStateFilter, stageStateFilter, checkIdFilter, stageIdFilter } = filters;
  return {
    ...filters,
    checkStateFilter: [...checkStateFilter],
    stageStateFilter: [...stageStateFilter],
    checkIdFilter: [...checkIdFilter],
    stageIdFilter: [...stageIdFilter],
  };
}

/** None, the first, any, the current one, or one that is still to come. */
function someRevision(dice: Dice, current: number): number | undefined {
  const kind = dice.next();
  if (kind < 0.2) return undefined;
  if (kind < 0.4) return 0;
  if (kind < 0.7) return dice.below(current + 1);
  return kind < 0.95 ? current : current + 5;
}

const STATES = [10, 20, 30, 40];

function someFilters(dice: Dice, plan: LoadedPlan): Filters {
  const some = <T>(list: readonly T[], most: number): readonly T[] =>
    list.length === 0 || dice.chance(0.7) ? [] : Array.from({ length: 1 + dice.below(most) }, () => dice.pick(list));
  return {
    includeChecks: dice.chance(0.3),
    includeStages: dice.chance(0.3),
    checkStateFilter: some(STATES, 2),
    stageStateFilter: some(STATES, 2),
    checkIdFilter: some(plan.checkIds, 20),
    stageIdFilter: some(
      plan.checkIds.map((id) => id.replace(/built$/, 'build')),
      20,
    ),
  };
}
