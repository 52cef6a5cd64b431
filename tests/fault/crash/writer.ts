import { TurboCIOrchestrator, type WriteNodesResponse } from '../../../gen/turboci/v1/service_pb.js';
import type { TestClient } from '../../support/client.ts';
import type { Dice } from '../dice.ts';
import { Batch, type Write } from './batch.ts';
import type { Acknowledgement, Ledger } from './ledger.ts';

/** How many batches of its own a lane keeps open before it only takes those on. */
const OPEN_BATCHES = 4;

export type WriterEvents = {
  /** A write was handed to the connection. */
  onSent(): void;
  onAcknowledged(): void;
};

/**
 * Writes one batch after the other, one request at a time, until the server is gone. What was under way then is kept:
 * `settle` sends it again, word for word.
 */
export class Writer {
  readonly #name: string;
  readonly #dice: Dice;
  readonly #ledger: Ledger;
  readonly #events: WriterEvents;
  #batches: Batch[] = [];
  #last: Batch | undefined;
  #count = 0;
  #unanswered: Write | undefined;

  constructor(name: string, dice: Dice, ledger: Ledger, events: WriterEvents) {
    this.#name = name;
    this.#dice = dice;
    this.#ledger = ledger;
    this.#events = events;
  }

  /** The tag of the write of the last run that got no answer. */
  get unanswered(): string | undefined {
    return this.#unanswered?.tag;
  }

  /** Sends the unanswered write again, or gives it up; its batch then stays as it is for ever. A call that fails changes nothing. */
  async settle(client: TestClient): Promise<void> {
    const write = this.#unanswered;
    if (write === undefined) return;
    if (this.#dice.chance(0.75)) this.#ledger.acknowledged(write, await send(client, write));
    else this.#batches = this.#batches.slice(0, -1);
    this.#unanswered = undefined;
  }

  /** Writes into these plans until a call fails; answers the error. */
  async run(client: TestClient, planIds: readonly string[]): Promise<unknown> {
    for (;;) {
      const write = this.#next(planIds);
      this.#ledger.sent(write);
      this.#unanswered = write;
      const answer = send(client, write);
      this.#events.onSent();
      try {
        this.#ledger.acknowledged(write, await answer);
      } catch (error) {
        return error;
      }
      this.#unanswered = undefined;
      this.#events.onAcknowledged();
    }
  }

  /** The batch of the write becomes the last of the open ones. */
  #next(planIds: readonly string[]): Write {
    this.#batches = this.#batches.filter((batch) => !batch.isDone);
    const isNew = this.#batches.length === 0 || (this.#batches.length < OPEN_BATCHES && this.#dice.chance(0.4));
    const batch = isNew ? this.#newBatch(this.#dice.pick(planIds)) : this.#dice.pick(this.#batches);
    this.#batches = [...this.#batches.filter((other) => other !== batch), batch];
    return batch.next(this.#dice);
  }

  #newBatch(planId: string): Batch {
    this.#count += 1;
    const earlier = this.#last?.planId === planId ? this.#last : undefined;
    const batch = new Batch(planId, `${this.#name}-${this.#count}`, earlier);
    this.#last = batch;
    return batch;
  }
}

/** Sends a write; the same one may be sent again. */
export async function send(client: TestClient, { planId, nodes, tag }: Write): Promise<Acknowledgement> {
  const request = { workPlanId: planId, ...nodes, requestId: tag, reason: tag };
  return seen(await client.call(TurboCIOrchestrator.method.writeNodes, request));
}

function seen({ revision, checks, stages }: WriteNodesResponse): Acknowledgement {
  const nodes = [
    ...checks.map((check) => ({ ...check, key: `check:${check.id}` })),
    ...stages.map((stage) => ({ ...stage, key: `stage:${stage.id}` })),
  ];
  return {
    revision: Number(revision),
    nodes: nodes.map(({ key, state, version, revision: changed }) => ({
      key,
      state,
      version: Number(version),
      revision: Number(changed),
    })),
  };
}
