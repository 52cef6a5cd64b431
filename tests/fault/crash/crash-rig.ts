import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import { TestClient } from '../../support/client.ts';
import type { Dice } from '../dice.ts';
import { Ledger } from './ledger.ts';
import { send, Writer } from './writer.ts';

/** Each with a connection of its own. */
export const CLIENTS = 8;
const WRITERS_PER_CLIENT = 2;

/** Where in the stream of writes the server is killed. */
export type KillPoint = {
  /** After so many acknowledged writes ... */
  readonly acknowledged: number;
  /** ... and so many more that were sent (0: with the acknowledgement in hand) ... */
  readonly sent: number;
  /** ... and so many milliseconds: inside a batch, a commit, an fsync. */
  readonly delayMs: number;
};

/** Several clients, each with a connection and several writers, and what they know. It outlives the servers. */
export class CrashRig {
  readonly ledger = new Ledger();
  readonly #dice: Dice;
  readonly #writers: readonly (readonly Writer[])[];
  readonly #planIds: string[] = [];
  #clients: readonly TestClient[] = [];
  #onSent: () => void = () => {};
  #onAcknowledged: () => void = () => {};

  constructor(dice: Dice) {
    this.#dice = dice;
    const events = { onSent: () => this.#onSent(), onAcknowledged: () => this.#onAcknowledged() };
    this.#writers = Array.from({ length: CLIENTS }, (_, client) =>
      Array.from({ length: WRITERS_PER_CLIENT }, (__, lane) => {
        return new Writer(`c${client}w${lane}`, dice.fork(), this.ledger, events);
      }),
    );
  }

  /** Tags of the writes that the last kill left without an answer. */
  get unanswered(): readonly string[] {
    return this.#writers.flat().flatMap((writer) => writer.unanswered ?? []);
  }

  /** Opens the clients' connections to a new server. */
  connect(address: string): void {
    this.close();
    this.#clients = this.#writers.map(() => new TestClient(address));
  }

  /** Every writer sends its unanswered write again, or gives it up; rejects when one could not, after all have tried. */
  async settle(): Promise<void> {
    await all(this.#lanes().map(([writer, client]) => writer.settle(client)));
  }

  /** Sends some acknowledged writes once more; answers how they contradict the first answer. */
  async repeatSome(count: number): Promise<readonly string[]> {
    const client = this.#dice.pick(this.#clients);
    const known = this.ledger.acknowledgedWrites;
    const faults = Array.from({ length: known.length === 0 ? 0 : count }, async () => {
      const write = this.#dice.pick(known);
      const { revision } = await send(client, write);
      const first = this.ledger.answerTo(write)?.revision;
      return revision === first ? [] : [`${write.tag} was revision ${first}, repeated it is ${revision}`];
    });
    return (await Promise.all(faults)).flat();
  }

  /** Lets all writers write, each client into a plan of its own and into older ones, until `kill` has been called. */
  async runUntilKilled(point: KillPoint, kill: () => void): Promise<readonly unknown[]> {
    await all(this.#clients.map((client) => this.#createPlan(client)));
    const killed = this.#armKill(point, kill);
    const errors = await this.#run();
    await killed;
    return errors;
  }

  /**
   * Settles and goes on writing until the server has gone, which it may do before it has answered anything. After so many
   * acknowledged writes `end` is called.
   */
  async runUntilGone(acknowledged = Number.POSITIVE_INFINITY, end = () => {}): Promise<readonly unknown[]> {
    this.#onAcknowledged = countdown(acknowledged, end);
    try {
      await this.settle();
      await all(this.#clients.map((client) => this.#createPlan(client)));
    } catch (error) {
      return [error];
    }
    return this.#run();
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #run(): Promise<readonly unknown[]> {
    const shared = this.#planIds[0] ?? '';
    const own = this.#planIds.slice(-CLIENTS);
    const runs = this.#lanes().map(([writer, client], index) => {
      const plan = own[Math.floor(index / WRITERS_PER_CLIENT)] ?? shared;
      return writer.run(client, [shared, plan, plan, this.#dice.pick(this.#planIds)]);
    });
    return Promise.all(runs);
  }

  async #createPlan(client: TestClient): Promise<void> {
    const { workPlan } = await client.call(TurboCIOrchestrator.method.createWorkPlan, {});
    const id = workPlan?.id ?? '';
    this.ledger.planCreated(id);
    this.#planIds.push(id);
  }

  #armKill({ acknowledged, sent, delayMs }: KillPoint, kill: () => void): Promise<void> {
    return new Promise((resolve) => {
      const strike = () => {
        this.#onSent = () => {};
        // A timer takes a millisecond at least, in which a commit that comes too late would still get done.
        if (delayMs === 0) resolve(kill());
        else setTimeout(() => resolve(kill()), delayMs);
      };
      const aim = countdown(sent, strike);
      this.#onAcknowledged = countdown(acknowledged, () => {
        if (sent === 0) strike();
        else this.#onSent = aim;
      });
    });
  }

  #lanes(): readonly (readonly [Writer, TestClient])[] {
    return this.#clients.flatMap((client, index) =>
      (this.#writers[index] ?? []).map((writer) => [writer, client] as const),
    );
  }
}

/** Calls `then` at the count-th call. */
function countdown(count: number, then: () => void): () => void {
  let left = count;
  return () => {
    left -= 1;
    if (left === 0) then();
  };
}

/** Waits for all, and then rejects as the first that failed. */
async function all(calls: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(calls);
  await Promise.all(calls);
}
