import { setTimeout as delay } from 'node:timers/promises';
import { fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import {
  type RunAsyncRequest,
  RunAsyncRequestSchema,
  type RunRequest,
  RunRequestSchema,
  type RunResponse,
  RunResponseSchema,
} from '../../../gen/turboci/v1/stagerunner_pb.js';
import { type Act, actOf } from './act.ts';
import type { Gate } from './gate.ts';
import type { Kind, Log, Note } from './log.ts';
import type { Reporter, Reports } from './reports.ts';

/** What every piece of work shares. */
export type Workshop = {
  readonly orchestrator: string;
  readonly log: Log;
  readonly reports: Reports;
  readonly gate: Gate;
};

/** How work ended: with an answer, without one, or with an error or accepted = false for whoever called. */
export type Ending = RunResponse | 'VANISHED' | 'ERROR' | 'DECLINED';

/** One execution, done as the args of its stage say. */
export class Work {
  readonly request: RunRequest | RunAsyncRequest;
  readonly act: Act;
  readonly kind: Kind;
  readonly #shop: Workshop;
  readonly #reporter: Reporter;
  readonly #stop = new AbortController();
  readonly #midway = Promise.withResolvers<void>();

  constructor(shop: Workshop, kind: Kind, request: RunRequest | RunAsyncRequest) {
    this.#shop = shop;
    this.kind = kind;
    this.request = request;
    this.act = actOf(request.args, request.attemptIdx);
    const { executionId, workPlanId, stageId, attemptIdx } = request;
    const address = 'callbackAddress' in request ? request.callbackAddress : shop.orchestrator;
    this.#reporter = { address, executionId, workPlanId, stageId, attemptIdx };
  }

  note(note: Note): void {
    const { executionId, workPlanId: plan, stageId: stage, attemptIdx: idx } = this.request;
    this.#shop.log({ executionId, plan, stage, idx, kind: this.kind, ...note });
  }

  /** Works; `callDeadline` is that of the call which brought the work. */
  async perform(callDeadline?: number): Promise<Ending> {
    const { act } = this;
    this.note({
      event: 'start',
      request: jsonOf(this.request),
      ...(callDeadline === undefined ? {} : { callDeadline }),
    });
    for (const write of act.writes) await this.#write(write);
    for (const update of act.updates) await this.#update(update);
    this.#midway.resolve();
    await this.#labour();
    if (act.do === 'die') process.kill(process.pid, 'SIGKILL');
    const stopped = this.#stop.signal.aborted && act.onCancel === 'stop';
    this.note({ event: 'end', outcome: stopped ? 'stopped' : act.do });
    if (stopped) return answerOf(act, { failure: { message: 'told to stop', reason: 'CANCELLED' } });
    return endingOf(act);
  }

  /** Resolves when its first writes and updates are answered. */
  get midway(): Promise<void> {
    return this.#midway.promise;
  }

  /** Sends the answer as often as the act says, less what is answered otherwise. */
  async complete(answer: RunResponse, less = 0): Promise<void> {
    const send = async (): Promise<void> => {
      const { outcome, reason } = await this.#shop.reports.complete(this.#reporter, answer);
      this.note({ event: 'complete', outcome, reason });
    };
    await Promise.all(Array.from({ length: this.act.answers - less }, send));
  }

  /** Tells the work to stop; whether it does is the act's. */
  cancel(note: Note): void {
    this.note(note);
    if (this.act.onCancel !== 'ignore') this.#stop.abort();
  }

  async #write(write: JsonObject): Promise<void> {
    const { outcome, reason } = await this.#shop.reports.write(this.#reporter, write);
    this.note({ event: 'write', outcome, reason });
  }

  async #update(update: JsonObject): Promise<void> {
    const { outcome, reason, response } = await this.#shop.reports.update(this.#reporter, update);
    this.note({ event: 'update', outcome, reason });
    const isOver = outcome === 'FAILED_PRECONDITION' || outcome === 'NOT_FOUND';
    if (isOver || response?.cancelRequested) this.cancel({ event: 'cancel-flag', outcome });
  }

  async #labour(): Promise<void> {
    const over = new AbortController();
    const beating = this.#beat(AbortSignal.any([over.signal, this.#stop.signal]));
    if (this.act.hold) await this.#shop.gate.pass(this.request.stageId, this.#stop.signal);
    await pause(this.act.ms, this.#stop.signal);
    over.abort();
    await beating;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    if (this.act.beatMs === 0) return;
    for (;;) {
      await pause(this.act.beatMs, signal);
      if (signal.aborted) return;
      await this.#update({});
    }
  }
}

function endingOf(act: Act): Ending {
  switch (act.do) {
    case 'succeed':
    case 'die':
      return answerOf(act, {});
    case 'fail':
      return answerOf(act, { failure: { message: 'it failed', reason: 'BROKEN_TEST' } });
    case 'verdict':
      return answerOf(act, {
        stageState: 'STAGE_STATE_FINAL',
        failure: { message: 'it cannot work', reason: 'VERDICT' },
      });
    case 'lie':
      return answerOf(act, { checkUpdates: [{ checkId: 'no-such-check', state: 'CHECK_STATE_FINAL' }] });
    case 'vanish':
      return 'VANISHED';
    case 'error':
      return 'ERROR';
    case 'decline':
      return 'DECLINED';
  }
}

function answerOf({ answer }: Act, base: JsonObject): RunResponse {
  return fromJson(RunResponseSchema, { ...base, ...answer });
}

function jsonOf(request: RunRequest | RunAsyncRequest): JsonObject {
  const json =
    'callbackAddress' in request ? toJson(RunAsyncRequestSchema, request) : toJson(RunRequestSchema, request);
  return { ...(typeof json === 'object' && !Array.isArray(json) ? json : {}) };
}

/** Resolves after the time, or when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => {});
}
