import { expect } from 'vitest';
import type { WorkPlanEvent } from '../../../../gen/turboci/v1/service_pb.js';
import type { TestStream } from '../../../support/client.ts';
import type { RpcError } from '../../../support/rpc-error.ts';
import { waitFor, within } from '../../../support/wait-for.ts';
import { type Expected, expectRefusal } from './refusal.ts';

const WAIT_MS = 20_000;

/** A watch that keeps what it has seen. */
export class Watch {
  readonly events: WorkPlanEvent[] = [];
  readonly #stream: TestStream<WorkPlanEvent>;
  readonly #ended: Promise<unknown>;
  #over = false;

  constructor(stream: TestStream<WorkPlanEvent>) {
    this.#stream = stream;
    this.#ended = this.#record();
  }

  /** Resolves when the subscription stands (its headers are there) or was refused. */
  async settled(): Promise<this> {
    await this.#stream.opened.catch(() => {});
    return this;
  }

  /** Waits for an event that meets the condition, seen already or to come. */
  until(condition: (event: WorkPlanEvent) => boolean, what = 'the event'): Promise<WorkPlanEvent> {
    return waitFor(`${what} among ${this.events.length} events`, () => this.events.find(condition), WAIT_MS);
  }

  /** Waits for an event of that line. */
  untilLine(expected: string): Promise<WorkPlanEvent> {
    return this.until((event) => line(event) === expected, expected);
  }

  /** Waits for the end with status OK. */
  async end(): Promise<readonly WorkPlanEvent[]> {
    expect(await within('the end of the watch', this.#ended, WAIT_MS)).toBeUndefined();
    return this.events;
  }

  /** Waits for the end with an error. */
  async refusal(expected: Expected): Promise<RpcError> {
    return expectRefusal(await within('the end of the watch', this.#ended, WAIT_MS), expected);
  }

  get over(): boolean {
    return this.#over;
  }

  /** What was seen, a line an event. */
  get lines(): readonly string[] {
    return this.events.map(line);
  }

  close(): void {
    this.#stream.cancel();
  }

  async #record(): Promise<unknown> {
    try {
      for await (const event of this.#stream) this.events.push(event);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      this.#over = true;
    }
  }
}

/** An event in one line: `check/a 10>20 r3`. */
export function line({ event, revision }: WorkPlanEvent): string {
  switch (event.case) {
    case 'checkEvent':
      return `check/${event.value.checkId} ${event.value.oldState}>${event.value.newState} r${revision}`;
    case 'stageEvent':
      return `stage/${event.value.stageId} ${event.value.oldState}>${event.value.newState} r${revision}`;
    case 'workPlanEvent':
      return `plan ${event.value.oldState}>${event.value.newState} r${revision}`;
    case 'completedEvent':
      return `completed r${revision}`;
    case undefined:
      return `nothing r${revision}`;
  }
}
