/** Why an execution is aborted. SERVER_STOPS: the attempt is left as it is, for recovery. */
export class AbortCause {
  readonly kind: 'CANCEL' | 'TIMEOUT' | 'SERVER_STOPS';
  readonly reason: string;

  constructor(kind: AbortCause['kind'], reason: string) {
    this.kind = kind;
    this.reason = reason;
  }
}

/** The executions that run in this process, by execution id. */
export class Executions {
  readonly #running = new Map<string, AbortController>();

  /** Registers an execution; the signal is aborted when it is to stop, with an AbortCause as reason. */
  add(executionId: string): AbortSignal {
    const controller = new AbortController();
    this.#running.set(executionId, controller);
    return controller.signal;
  }

  remove(executionId: string): void {
    this.#running.delete(executionId);
  }

  /** Tells an execution to stop; one that does not run here (any more) is left alone. */
  abort(executionId: string, cause: AbortCause): void {
    this.#running.get(executionId)?.abort(cause);
  }

  abortAll(cause: AbortCause): void {
    for (const controller of this.#running.values()) controller.abort(cause);
  }
}
