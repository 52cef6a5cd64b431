import assert from 'node:assert/strict';
import { AppError } from '../../../src/domain/error.ts';
import type { PlanHistoryEvent } from '../../../src/domain/event.ts';
import { anyCall, type ServiceRig } from '../../support/service-rig.ts';
import type { Dice } from '../dice.ts';
import type { Step } from './client-script.ts';

/** More tries than any rate of faults that leaves something to try for takes. */
const MOST_TRIES = 200;

/** What a client was answered: the response, or the reason of the refusal. */
export type Answer = { readonly response: unknown } | { readonly refused: string };

/** Repeats a call until its outcome is known: the storage was there, and said yes or no. */
export async function untilAnswered<T>(
  call: () => Promise<T>,
): Promise<{ readonly response: T } | { readonly refused: string }> {
  for (let tries = 1; ; tries++) {
    try {
      return { response: await call() };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (!isUnavailable(error)) return { refused: error.reason };
      if (tries === MOST_TRIES) throw new Error(`not answered in ${tries} tries`, { cause: error });
    }
  }
}

/** The storage could not be asked now. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.reason === 'STORAGE_UNAVAILABLE';
}

export async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  const answer = await untilAnswered(call);
  if ('response' in answer) return answer.response;
  throw new Error(`refused: ${answer.refused}`);
}

/** A client of one plan that repeats each request until it is answered, sometimes twice at the same time. */
export class PersistentClient {
  readonly #rig: ServiceRig;
  readonly #name: string;
  readonly #dice: Dice;
  readonly answers: Answer[] = [];

  constructor(rig: ServiceRig, name: string, dice: Dice) {
    this.#rig = rig;
    this.#name = name;
    this.#dice = dice;
  }

  create(): Promise<string> {
    const request = { metadata: { client: this.#name }, requestId: this.#name };
    return untilDone(async () => (await this.#rig.service.orchestrator.createWorkPlan(anyCall, request)).id);
  }

  async follow(planId: string, steps: readonly Step[]): Promise<void> {
    for (const [at, step] of steps.entries()) {
      const send = () => untilAnswered(() => this.#send(planId, step, `${this.#name} ${at}`));
      const [answer, ...others] = await Promise.all(this.#dice.chance(0.2) ? [send(), send()] : [send()]);
      for (const other of others) assert.deepStrictEqual(other, answer, 'a duplicate is answered as the request was');
      this.answers.push(answer);
    }
  }

  #send(workPlanId: string, step: Step, requestId: string): Promise<unknown> {
    const { orchestrator } = this.#rig.service;
    switch (step.type) {
      case 'WRITE':
        return orchestrator.writeNodes(anyCall, { ...step.write, workPlanId, requestId });
      case 'CANCEL_STAGE':
        return orchestrator.cancelStage(anyCall, { workPlanId, stageId: step.stageId, reason: 'enough' });
      case 'CANCEL_PLAN':
        return orchestrator.cancelWorkPlan(anyCall, { id: workPlanId, reason: 'enough' });
    }
  }
}

/** A watcher that comes again when it is cut, from the revision before the last one it saw, and drops what it knows. */
export class PersistentWatcher {
  readonly seen: PlanHistoryEvent[] = [];
  readonly #rig: ServiceRig;
  readonly #planId: string;
  readonly #end = new AbortController();
  readonly #done: Promise<void>;

  constructor(rig: ServiceRig, planId: string) {
    this.#rig = rig;
    this.#planId = planId;
    this.#done = this.#watch();
  }

  get last(): number {
    return this.seen.at(-1)?.revision ?? 0;
  }

  async stop(): Promise<void> {
    this.#end.abort(new AppError('CALLER_GONE', 'the test is over'));
    await this.#done;
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        await this.#watchOnce();
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.reason === 'DRAINING') return;
      }
    }
  }

  async #watchOnce(): Promise<void> {
    const sinceRevision = Math.max(0, this.last - 1);
    const request = this.#rig.watchRequest(this.#planId, { sinceRevision });
    const items = await this.#rig.service.orchestrator.watchWorkPlan({ signal: this.#end.signal }, request);
    for await (const item of items) if (item.type === 'EVENT' && this.#isNew(item.event)) this.seen.push(item.event);
  }

  #isNew({ revision, seq }: PlanHistoryEvent): boolean {
    const last = this.seen.at(-1);
    return last === undefined || revision > last.revision || (revision === last.revision && seq > last.seq);
  }
}
