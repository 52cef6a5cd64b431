import { AppError } from '../../../src/domain/error.ts';
import type { Snapshot, Storage, UnitOfWork, WriteOptions } from '../../../src/storage/storage.ts';
import type { Dice } from '../dice.ts';

/**
 * Where a call of the storage fails. A unit of work: before it begins; inside, at one of its calls of a repository; at
 * its end, so that it is rolled back; after its commit, so that its caller is told of a failure although all of it is
 * durable and its effects have run. A read: before, inside, or when it is done.
 */
export const faultPlaces = ['BEFORE', 'INSIDE', 'AT_END', 'AFTER'] as const;
export type FaultPlace = (typeof faultPlaces)[number];

/** Calls of repositories among which the one that fails inside is drawn; a shorter unit is spared. */
const INSIDE_CALLS = { write: 30, read: 2 } as const;

/** A storage between the service and a real one that fails now and then, as its dice say. */
export class FaultyStorage implements Storage {
  readonly #storage: Storage;
  readonly #dice: Dice;
  readonly #places: readonly FaultPlace[];
  /** The share of calls that fail. */
  rate: number;
  /** Faults so far. */
  readonly made: Record<'write' | 'read', Record<FaultPlace, number>> = { write: noFaults(), read: noFaults() };

  constructor(storage: Storage, dice: Dice, rate: number, places: readonly FaultPlace[] = faultPlaces) {
    this.#storage = storage;
    this.#dice = dice;
    this.#places = places;
    this.rate = rate;
  }

  write<T>(work: (uow: UnitOfWork) => Promise<T>, options?: WriteOptions): Promise<T> {
    const draw = this.#draw('write');
    return this.#faulty('write', draw, (hit) =>
      this.#storage.write(async (uow) => {
        const value = await work(counted(uow, hit));
        if (draw.place === 'AT_END') throw this.#fault('write', draw.place);
        return value;
      }, options),
    );
  }

  read<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return this.#faulty('read', this.#draw('read'), (hit) =>
      this.#storage.read((snapshot) => work(counted(snapshot, hit))),
    );
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  #draw(kind: 'write' | 'read'): { readonly place: FaultPlace | undefined; readonly call: number } {
    const place = this.#dice.chance(this.rate) ? this.#dice.pick(this.#places) : undefined;
    return { place, call: 1 + this.#dice.below(INSIDE_CALLS[kind]) };
  }

  async #faulty<T>(
    kind: 'write' | 'read',
    { place, call }: { readonly place: FaultPlace | undefined; readonly call: number },
    run: (hit: () => void) => Promise<T>,
  ): Promise<T> {
    if (place === 'BEFORE') throw this.#fault(kind, place);
    let calls = 0;
    const value = await run(() => {
      calls += 1;
      if (place === 'INSIDE' && calls === call) throw this.#fault(kind, place);
    });
    if (place === 'AFTER' || (place === 'AT_END' && kind === 'read')) throw this.#fault(kind, place);
    return value;
  }

  #fault(kind: 'write' | 'read', place: FaultPlace): AppError {
    this.made[kind][place] += 1;
    return new AppError('STORAGE_UNAVAILABLE', `a fault of the test: ${kind} ${place}`);
  }
}

export function noFaults(): Record<FaultPlace, number> {
  return { BEFORE: 0, INSIDE: 0, AT_END: 0, AFTER: 0 };
}

/** The same repositories; `hit` hears of each call before it is made, and may throw in its place. */
function counted<T extends object>(repositories: T, hit: () => void): T {
  return new Proxy(repositories, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      return typeof found === 'object' && found !== null ? countedCalls(found, hit) : found;
    },
  });
}

function countedCalls(repository: object, hit: () => void): object {
  return new Proxy(repository, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        hit();
        return Reflect.apply(method, target, args);
      };
    },
  });
}
