import { type Channel, status as grpcStatus, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import { asBuffer } from '../as-buffer.ts';
import { type FailedCall, judge } from './call-verdict.ts';
import { timeoutHeader } from './timeout-header.ts';

/** A connection that takes longer to make counts as none. */
const CONNECT_LIMIT_MS = 5000;

/** One request with one answer. */
export type UnaryRequest = {
  readonly path: string;
  readonly message: Uint8Array;
  /** When to give up, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Aborted = cut the call. */
  readonly signal: AbortSignal | undefined;
  /** Called once, when the request has gone out on a connection. */
  readonly onSent: (() => void) | undefined;
};

export type UnaryEnd = { readonly kind: 'ANSWERED'; readonly message: Uint8Array } | FailedCall;

/**
 * One call from its start to its end. It stands one level below grpc-js's client, which would hide when the request went
 * out, mistake an OK without a message for UNIMPLEMENTED, and wait for ever after a second message. The deadline is kept
 * by our clock, since grpc-js goes by the wall clock, which may jump.
 */
export class UnaryCall {
  readonly ended: Promise<UnaryEnd>;
  readonly #channel: Channel;
  readonly #call: ReturnType<Channel['createCall']>;
  readonly #request: UnaryRequest;
  readonly #clock: Clock;
  readonly #timers: readonly CancelTimer[];
  readonly #resolve: (end: UnaryEnd) => void;
  readonly #cut = (): void => this.cut();
  #isSent = false;
  #hasHeaders = false;
  #answer: Uint8Array | undefined;
  #isEnded = false;

  constructor(channel: Channel, request: UnaryRequest, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<UnaryEnd>();
    const remainingMs = request.deadline - clock.now();
    this.ended = promise;
    this.#resolve = resolve;
    this.#channel = channel;
    this.#request = request;
    this.#clock = clock;
    this.#call = channel.createCall(request.path, Number.POSITIVE_INFINITY, null, null, null);
    this.#timers = [
      clock.after(CONNECT_LIMIT_MS, () => this.#limitConnecting()),
      clock.after(remainingMs, () => this.#expire()),
    ];
    request.signal?.addEventListener('abort', this.#cut);
    this.#start(remainingMs);
  }

  /** Ends the call now; the runner is told by a reset of the stream. */
  cut(): void {
    this.#giveUp('BROKEN', grpcStatus.CANCELLED, 'the call was cut by the server');
  }

  #start(remainingMs: number): void {
    const headers = new Metadata();
    const timeout = timeoutHeader(remainingMs);
    if (timeout !== undefined) headers.set('grpc-timeout', timeout);
    this.#call.start(headers, {
      onReceiveMetadata: () => {
        this.#hasHeaders = true;
      },
      onReceiveMessage: (message: unknown) => this.#receive(message),
      onReceiveStatus: (status) => this.#finish(status),
    });
    this.#call.sendMessageWithContext({ callback: () => this.#sent() }, asBuffer(this.#request.message));
    this.#call.halfClose();
    this.#call.startRead();
  }

  /** All of the request is with the operating system, or could not be written: then the status follows. */
  #sent(): void {
    if (this.#isEnded) return;
    this.#isSent = true;
    this.#request.onSent?.();
  }

  #receive(message: unknown): void {
    if (!(message instanceof Uint8Array)) return;
    if (this.#answer !== undefined) {
      this.#giveUp('BROKEN', grpcStatus.INTERNAL, 'the runner answered with more than one message');
      return;
    }
    this.#answer = message;
    this.#call.startRead();
  }

  #finish(status: StatusObject): void {
    if (status.code === grpcStatus.OK && this.#answer !== undefined) {
      this.#end({ kind: 'ANSWERED', message: this.#answer });
      return;
    }
    this.#end(
      judge(status, {
        isOpened: this.#isOpened,
        hasHeaders: this.#hasHeaders,
        hasAnswer: this.#answer !== undefined,
        isLate: this.#clock.now() >= this.#request.deadline,
      }),
    );
  }

  /** Once a call has a stream, its peer is the address of the connection instead of the channel's target. */
  get #isOpened(): boolean {
    return this.#call.getPeer() !== this.#channel.getTarget();
  }

  #limitConnecting(): void {
    if (this.#isOpened) return;
    const message = `no connection within ${CONNECT_LIMIT_MS / 1000} s`;
    this.#giveUp('UNDELIVERED', grpcStatus.UNAVAILABLE, message, true);
  }

  #expire(): void {
    if (!this.#isOpened) {
      this.#giveUp('UNDELIVERED', grpcStatus.DEADLINE_EXCEEDED, 'the deadline passed before there was a connection');
      return;
    }
    // What could be written by now is written, and reported, once the loop has gone round.
    if (this.#isSent) this.#timeOut();
    else setImmediate(() => setImmediate(() => this.#timeOut()));
  }

  #timeOut(): void {
    if (this.#isSent) {
      this.#giveUp('TIMED_OUT', grpcStatus.DEADLINE_EXCEEDED, 'the deadline passed');
      return;
    }
    // A part of a request is none: the runner has nothing that it could have begun.
    const message = 'the deadline passed before the runner took the request (its limit of concurrent streams?)';
    this.#giveUp('UNDELIVERED', grpcStatus.DEADLINE_EXCEEDED, message);
  }

  #giveUp(kind: FailedCall['kind'], code: grpcStatus, message: string, isUnreachable = false): void {
    this.#end({ kind, code, message, isUnreachable });
    this.#call.cancelWithStatus(grpcStatus.CANCELLED, message);
  }

  /** Only the first end counts. */
  #end(end: UnaryEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const cancel of this.#timers) cancel();
    this.#request.signal?.removeEventListener('abort', this.#cut);
    this.#resolve(end);
  }
}
