import { type Channel, status as grpcStatus, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import { asBuffer } from '../as-buffer.ts';
import { type FailedCall, judge } from './call-verdict.ts';
import { SEND_LIMIT_MS, type StreamSlots } from './stream-slots.ts';
import { timeoutHeader } from './timeout-header.ts';

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

/** What a call waits for that has a connection. */
const STREAMS = 'its limit of concurrent streams';

export type UnaryEnd = { readonly kind: 'ANSWERED'; readonly message: Uint8Array } | FailedCall;

/**
 * One call from the wish for it to its end; it goes out with `start`. It stands one level below grpc-js's client, which would hide when the request went
 * out, mistake an OK without a message for UNIMPLEMENTED, and wait for ever after a second message. The deadline is kept
 * by our clock, since grpc-js goes by the wall clock, which may jump.
 */
export class UnaryCall {
  readonly ended: Promise<UnaryEnd>;
  readonly #channel: Channel;
  readonly #request: UnaryRequest;
  readonly #slots: StreamSlots;
  readonly #clock: Clock;
  readonly #timers: readonly CancelTimer[];
  readonly #resolve: (end: UnaryEnd) => void;
  readonly #cut = (): void => this.cut();
  #call: ReturnType<Channel['createCall']> | undefined;
  #isSent = false;
  #hasHeaders = false;
  #answer: Uint8Array | undefined;
  #isEnded = false;

  constructor(channel: Channel, request: UnaryRequest, slots: StreamSlots, clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<UnaryEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#channel = channel;
    this.#request = request;
    this.#slots = slots;
    this.#clock = clock;
    this.#timers = [
      clock.after(SEND_LIMIT_MS, () => this.#limitOpening()),
      clock.after(request.deadline - clock.now(), () => this.#expire()),
    ];
    request.signal?.addEventListener('abort', this.#cut);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Makes the call. */
  start(): void {
    const call = this.#channel.createCall(this.#request.path, Number.POSITIVE_INFINITY, null, null, null);
    this.#call = call;
    const headers = new Metadata();
    const timeout = timeoutHeader(this.#request.deadline - this.#clock.now());
    if (timeout !== undefined) headers.set('grpc-timeout', timeout);
    call.start(headers, {
      onReceiveMetadata: () => {
        this.#hasHeaders = true;
      },
      onReceiveMessage: (message: unknown) => this.#receive(message),
      onReceiveStatus: (status) => this.#finish(status),
    });
    call.sendMessageWithContext({ callback: () => this.#sent() }, asBuffer(this.#request.message));
    call.halfClose();
    call.startRead();
  }

  /** Ends a call that has not started. */
  fail(end: FailedCall): void {
    this.#end(end);
  }

  /** Ends the call now; the runner is told by a reset of the stream. */
  cut(): void {
    this.#giveUp('BROKEN', grpcStatus.CANCELLED, 'the call was cut by the server');
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
    this.#call?.startRead();
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
    return this.#call !== undefined && this.#call.getPeer() !== this.#channel.getTarget();
  }

  #limitOpening(): void {
    if (this.#isOpened) return;
    const within = `within ${SEND_LIMIT_MS / 1000} s`;
    const isUnreachable = !this.#slots.isConnected;
    const message = isUnreachable ? `no connection ${within}` : `the runner took no other call ${within} (${STREAMS})`;
    this.#giveUp('UNDELIVERED', grpcStatus.UNAVAILABLE, message, isUnreachable);
  }

  #expire(): void {
    if (!this.#isOpened) {
      const isUnreachable = !this.#slots.isConnected;
      const before = isUnreachable ? 'there was a connection' : `the runner took the request (${STREAMS})`;
      const message = `the deadline passed before ${before}`;
      this.#giveUp('UNDELIVERED', grpcStatus.DEADLINE_EXCEEDED, message, isUnreachable);
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
    const message = 'the deadline passed before the runner took the whole request';
    this.#giveUp('UNDELIVERED', grpcStatus.DEADLINE_EXCEEDED, message);
  }

  #giveUp(kind: FailedCall['kind'], code: grpcStatus, message: string, isUnreachable = false): void {
    this.#end({ kind, code, message, isUnreachable });
    this.#call?.cancelWithStatus(grpcStatus.CANCELLED, message);
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
