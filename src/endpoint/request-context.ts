import type { AppError } from '../domain/error.ts';
import type { Logger } from '../domain/logger.ts';
import { parseTraceparent, type Traceparent } from './traceparent.ts';

/** What a transport knows of a call when it arrives. */
export type CallFacts = {
  /** The RPC, `turboci.v1.TurboCIOrchestrator/WriteNodes`. */
  readonly method: string;
  /** Address of the caller, for the log. */
  readonly peer: string;
  /** Milliseconds since the epoch; undefined = the caller set none. */
  readonly deadline: number | undefined;
  /** The caller's own name for the call (header `x-request-id`), if it gave one. */
  readonly correlationId: string | undefined;
  /** The header `traceparent`, as received. */
  readonly traceparent: string | undefined;
};

/** One call on its way through the server. */
export class RequestContext {
  readonly method: string;
  readonly peer: string;
  readonly deadline: number | undefined;
  readonly traceparent: Traceparent | undefined;
  readonly #fallbackId: () => string;
  #correlationId: string | undefined;
  readonly #parentLog: Logger;
  #log: Logger | undefined;
  readonly #controller = new AbortController();

  constructor(facts: CallFacts, fallbackId: () => string, log: Logger) {
    this.method = facts.method;
    this.peer = facts.peer;
    this.deadline = facts.deadline;
    this.#correlationId = isSpeakable(facts.correlationId) ? facts.correlationId : undefined;
    this.#fallbackId = fallbackId;
    this.traceparent = parseTraceparent(facts.traceparent);
    this.#parentLog = log;
  }

  /** The caller's name for the call, or one that is made up when it is first asked for: only logs name calls. */
  get correlationId(): string {
    this.#correlationId ??= this.#fallbackId();
    return this.#correlationId;
  }

  /** Aborted when nobody waits for the answer any more, or nobody may; the reason is the AppError to answer with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the call for the given reason. Only the first reason counts. */
  abort(reason: AppError): void {
    this.#controller.abort(reason);
  }

  /** The server's log with the facts of this call; made at its first use, since most calls log nothing. */
  get log(): Logger {
    this.#log ??= this.#parentLog.child({
      method: this.method,
      peer: this.peer,
      correlation_id: this.correlationId,
      ...(this.traceparent === undefined ? {} : { trace_id: this.traceparent.traceId }),
    });
    return this.#log;
  }
}

function isSpeakable(id: string | undefined): id is string {
  return id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id);
}
