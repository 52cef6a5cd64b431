import type { TestClient } from '../../support/client.ts';
import type { Dice } from '../dice.ts';
import { Author, type FollowedPlan } from './author.ts';
import { type PlanScript, randomPlan } from './random-plan.ts';

/** All the plans of a run. Their scripts are drawn beforehand: they depend on the seed alone. */
export class Authors {
  readonly #scripts: readonly PlanScript[];
  readonly #client: TestClient;
  readonly #dice: Dice;
  readonly #work: Promise<FollowedPlan>[] = [];
  readonly #failure = Promise.withResolvers<never>();

  constructor(client: TestClient, dice: Dice, count: number) {
    this.#client = client;
    this.#dice = dice;
    this.#scripts = Array.from({ length: count }, (_, number) => randomPlan(dice.fork(), `plan-${number}`));
    this.#failure.promise.catch(() => {});
  }

  /** Rejects when a plan could not be seen to its end. */
  get failure(): Promise<never> {
    return this.#failure.promise;
  }

  /** Sets out to write plans until so many have been begun. */
  begin(count: number): void {
    for (const script of this.#scripts.slice(this.#work.length, count)) {
      const work = new Author(this.#client, this.#dice.fork()).see(script);
      work.catch(this.#failure.reject);
      this.#work.push(work);
    }
  }

  /** Resolves when all plans that were begun are over. */
  over(): Promise<readonly FollowedPlan[]> {
    return Promise.all(this.#work);
  }
}
