import type { WatchItem, WatchSubscription } from '../service/orchestrator.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * What a repeat of a call does: nothing (`READ`), nothing more than the first (`IDEMPOTENT`), or nothing more if it
 * carries a request_id (`BY_REQUEST_ID`).
 */
export type Idempotency = 'READ' | 'IDEMPOTENT' | 'BY_REQUEST_ID';

/** One RPC as a transport serves it. What it takes is of unknown shape; the schema is behind `call`. */
export type UnaryRpc<Res> = {
  readonly kind: 'UNARY';
  readonly idempotency: Idempotency;
  /** Whether it may wait as long as its caller does; then a drain ends it instead of waiting too. */
  readonly isPatient: boolean;
  /** From a call's arrival, for callers that set no deadline: to its answer, or to its request if it is patient. */
  readonly requestTimeoutMs: number;
  readonly call: Endpoint<unknown, Res>;
};

/** An RPC that answers with a stream: `call` resolves when the subscription stands. */
export type StreamRpc = {
  readonly kind: 'SERVER_STREAM';
  readonly idempotency: Idempotency;
  /** From a call's arrival to its request, for callers that set no deadline. */
  readonly requestTimeoutMs: number;
  readonly call: Endpoint<unknown, WatchSubscription>;
};

/** What a stream carries. */
export type StreamItem = WatchItem;
