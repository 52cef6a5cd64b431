import { constants, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { status as grpcStatus, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { AppError } from '../../domain/error.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import { deadlineExceeded } from '../../endpoint/call-end.ts';
import type { RequestContext } from '../../endpoint/request-context.ts';
import { forgetOnceClosed } from '../http2-stream.ts';
import { Holdings } from './holdings.ts';
import { explained, type GrpcStatus, toGrpcStatus } from './status.ts';

/** How long an error may wait for a peer that does not read before its stream is reset. */
const ERROR_GRACE_MS = 3000;

/** The same for an answer: a large one over a slow line takes its time. */
const ANSWER_GRACE_MS = 300_000;

/** How long an ended call may keep its data waiting for the peer, in milliseconds. */
export type CallGrace = { readonly errorMs: number; readonly answerMs: number };

export const defaultCallGrace: CallGrace = { errorMs: ERROR_GRACE_MS, answerMs: ANSWER_GRACE_MS };

/** What calls hold for their peers, over all connections. */
export class CallMemory {
  /** Of requests that have not come to their end. */
  readonly incoming: Holdings<OpenCall>;
  /** Of answers that have not been taken. */
  readonly outgoing: Holdings<OpenCall>;
  /** Most that one request may hold. */
  readonly maxRequestBytes: number;

  constructor({ maxRequestBytes, incomingBytes, outgoingBytes }: CallMemoryLimits, clock: Clock) {
    this.maxRequestBytes = maxRequestBytes;
    this.incoming = new Holdings(incomingBytes, clock, (call) => call.refuseRest());
    this.outgoing = new Holdings(outgoingBytes, clock, (call) => call.dropAnswer());
  }
}

export type CallMemoryLimits = {
  readonly maxRequestBytes: number;
  readonly incomingBytes: number;
  readonly outgoingBytes: number;
};

/** What grpc-js holds of each DATA frame of a message beside its bytes, until the message is whole. */
const PIECE_BYTES = 256;

/** One call from its headers to the end of its HTTP/2 stream, whichever service it is for. */
export class OpenCall {
  readonly path: string;
  readonly call: ServerInterceptingCallInterface;
  /** Set for calls of our own services once their headers are read. */
  ctx: RequestContext | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #clock: Clock;
  readonly #memory: CallMemory;
  #grace: CallGrace;
  #ended: grpcStatus | undefined;
  #hasRequest = false;
  #request: Uint8Array | undefined;
  #stopTimer: CancelTimer | undefined;

  constructor(
    path: string,
    call: ServerInterceptingCallInterface,
    clock: Clock,
    grace: CallGrace,
    memory: CallMemory,
    onClose: () => void,
  ) {
    this.path = path;
    this.call = call;
    this.#clock = clock;
    this.#grace = grace;
    this.#memory = memory;
    this.#stream = http2StreamOf(call);
    // It is paused: listening does not make it flow.
    this.#stream.on('data', (piece: Uint8Array) => this.#holdPiece(piece.byteLength));
    this.#stream.once('close', () => {
      this.#stopTimer?.();
      memory.incoming.release(this);
      memory.outgoing.release(this);
      onClose();
    });
    forgetOnceClosed(this.#stream);
    // grpc-js ends calls by itself too: it too goes through this property of the innermost call. It is bound and no
    // arrow function, which V8 would put among the old objects since it is assigned to a property.
    call.sendStatus = this.#sendStatus.bind(this, call.sendStatus.bind(call));
  }

  /** Whether all of the request has come. */
  get hasRequest(): boolean {
    return this.#hasRequest;
  }

  /** Keeps a request message until its end has come; false = there was one already. */
  keepRequest(message: Uint8Array): boolean {
    if (this.#request !== undefined) return false;
    if (this.isEnded) return true;
    this.#request = message;
    // In place of its pieces, and as large as it is unpacked.
    this.#memory.incoming.release(this);
    this.#memory.incoming.add(this, message.byteLength);
    return true;
  }

  /** All of the request has come: it is its endpoint's now. Undefined = there was no message. */
  takeRequest(): Uint8Array | undefined {
    const request = this.#request;
    this.#hasRequest = true;
    this.#request = undefined;
    this.#memory.incoming.release(this);
    return request;
  }

  /** Sends the only answer of the call, which waits for its reader. */
  answer(message: Uint8Array): void {
    // Nobody would be told that a stream which is gone already takes it.
    if (this.#stream.destroyed) return;
    this.#memory.outgoing.add(this, message.byteLength);
    this.call.sendMessage(message, () => {});
  }

  /** The rest of the request is not waited for. */
  refuseRest(): void {
    this.end(toGrpcStatus(tooSlow()));
  }

  /** The answer is not kept for its reader any longer. */
  dropAnswer(): void {
    this.#stream.close(resetCode(grpcStatus.RESOURCE_EXHAUSTED));
  }

  /** Ends the call; only the first status counts. */
  end(status: GrpcStatus): void {
    this.call.sendStatus(status);
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** The server stops: from now on, the call's data waits for the peer no longer than this once the call has ended. */
  hurry(graceMs: number): void {
    this.#grace = { errorMs: graceMs, answerMs: graceMs };
    if (this.#ended !== undefined) this.#limitRest(this.#ended);
  }

  #holdPiece(bytes: number): void {
    if (this.isEnded) return;
    const { incoming, maxRequestBytes } = this.#memory;
    if (incoming.add(this, bytes + PIECE_BYTES) <= maxRequestBytes) return;
    incoming.release(this);
    this.refuseRest();
  }

  #sendStatus(send: (status: GrpcStatus) => void, given: GrpcStatus): void {
    if (this.#ended !== undefined) return;
    const status = explained(given);
    this.#ended = status.code;
    this.#request = undefined;
    this.#memory.incoming.release(this);
    if (status.code === grpcStatus.DEADLINE_EXCEEDED) this.ctx?.abort(deadlineExceeded());
    send(status);
    this.#limitRest(status.code);
  }

  /**
   * Gives up the stream of an ended call if it does not close in time: trailers come after all data, and a peer may keep
   * its flow-control window shut for ever, or never end its own side.
   */
  #limitRest(code: grpcStatus): void {
    const stream = this.#stream;
    if (stream.destroyed || (stream.writableLength === 0 && stream.readableEnded)) return;
    this.#stopTimer?.();
    const graceMs = code === grpcStatus.OK ? this.#grace.answerMs : this.#grace.errorMs;
    this.#stopTimer = this.#clock.after(graceMs, () => {
      stream.close(stream.writableLength === 0 ? constants.NGHTTP2_NO_ERROR : resetCode(code));
    });
  }
}

function tooSlow(): AppError {
  return new AppError('MESSAGE_TOO_LARGE', 'the request came too slowly, or in too many pieces, to be kept any longer');
}

/** The HTTP/2 code that gRPC clients read as the status that could not be delivered. */
function resetCode(code: grpcStatus): number {
  return code === grpcStatus.RESOURCE_EXHAUSTED ? constants.NGHTTP2_ENHANCE_YOUR_CALM : constants.NGHTTP2_CANCEL;
}

/**
 * The HTTP/2 stream of a call. grpc-js keeps it to itself, and offers no other way to give up a stream whose peer does
 * not read. The tests of such peers notice if it moves.
 */
function http2StreamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  const stream: unknown = Reflect.get(call, 'stream');
  if (!isServerStream(stream)) throw new Error('grpc-js does not keep the HTTP/2 stream where it did');
  return stream;
}

function isServerStream(value: unknown): value is ServerHttp2Stream {
  return value instanceof Duplex && 'rstCode' in value && 'respond' in value;
}
