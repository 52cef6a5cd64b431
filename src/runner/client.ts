import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Client,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { RunnerSystem } from './system.ts';

/** Longest wait for an answer to a call that does not say otherwise. */
const CALL_MS = 10_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** A call that the server refused or that did not reach it. */
export class CallError extends Error {
  /** The gRPC status code. */
  readonly code: status;

  constructor(method: string, error: ServiceError) {
    super(`${method}: ${error.details} (${status[error.code]})`, { cause: error });
    this.name = 'CallError';
    this.code = error.code;
  }
}

export type CallOptions = {
  /** Default 10 s. */
  readonly withinMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
};

/** A connection, as far as it concerns us. */
type Line = { readonly grpc: Client; readonly calls: Set<ClientUnaryCall>; answers: number };

/**
 * A typed client of the orchestrator at one address, made from the generated descriptors. Calls reject with CallError.
 *
 * A connection on which a call runs out of time, and on which nothing was answered since that call began, is given up:
 * its other calls end UNAVAILABLE, and the next one opens a new connection. Somewhere on the way packets may be dropped
 * in silence, and the kernel tries for a quarter of an hour before it says so.
 */
export class OrchestratorClient {
  readonly address: string;
  readonly #system: RunnerSystem;
  #line: Line;

  /** `address` as gRPC names it: `host:port`, or `unix:PATH` for a socket. */
  constructor(address: string, system: RunnerSystem) {
    this.address = address;
    this.#system = system;
    this.#line = openLine(address);
  }

  /** Calls a unary method, e.g. `call(TurboCIOrchestrator.method.getWorkPlan, { id })`. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { withinMs = CALL_MS, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const line = this.#line;
    const answersBefore = line.answers;
    return new Promise((resolve, reject) => {
      // Encoded here, so that what cannot be encoded is thrown; grpc-js would call it INTERNAL.
      const message = Buffer.from(toBinary(method.input, create(method.input, request)));
      const call = line.grpc.makeUnaryRequest(
        methodPath(method),
        (bytes: Buffer) => bytes,
        (bytes) => fromBinary(method.output, bytes),
        message,
        new Metadata(),
        { deadline: this.#system.wallTime() + withinMs },
        (error: ServiceError | null, answer?: MessageShape<O>) => {
          signal?.removeEventListener('abort', cancel);
          line.calls.delete(call);
          if (error === null || !isNoAnswer.has(error.code)) line.answers += 1;
          else if (error.code === status.DEADLINE_EXCEEDED && line.answers === answersBefore) this.#giveUp(line);
          if (answer !== undefined) resolve(answer);
          else if (error !== null) reject(new CallError(method.name, error));
          else reject(new Error(`${method.name} was answered with neither a message nor an error`));
        },
      );
      line.calls.add(call);
      const cancel = (): void => call.cancel();
      if (signal?.aborted) cancel();
      else signal?.addEventListener('abort', cancel);
    });
  }

  /** Cuts what is under way. */
  close(): void {
    this.#line.grpc.close();
  }

  #giveUp(line: Line): void {
    // One that is still being opened is in better hands already.
    const isOpen = line.grpc.getChannel().getConnectivityState(false) === connectivityState.READY;
    if (line !== this.#line || !isOpen) return;
    this.#line = openLine(this.address);
    line.grpc.close();
    for (const { call } of line.calls) call?.cancelWithStatus(status.UNAVAILABLE, 'the connection has gone silent');
  }
}

function openLine(address: string): Line {
  const grpc = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // The kit has a backoff of its own; this one should not hold it up once the server is back.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_http_proxy': 0,
    // Connections are shared otherwise, and a new client would get the old one.
    'grpc.use_local_subchannel_pool': 1,
  });
  return { grpc, calls: new Set(), answers: 0 };
}

/** What calls end with that the server has not answered, as far as one can know. */
const isNoAnswer: ReadonlySet<status> = new Set([status.CANCELLED, status.DEADLINE_EXCEEDED, status.UNAVAILABLE]);

/** The path of a method, as it travels. */
export function methodPath({ parent, name }: DescMethodUnary): string {
  return `/${parent.typeName}/${name}`;
}

/** What these say will not change by asking again. */
const DEFINITE: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

/** Whether a call refused so is refused for good; otherwise the server was away or too busy, or answered nothing. */
export function isDefinite(error: unknown): boolean {
  return !(error instanceof CallError) || DEFINITE.has(error.code);
}

/** Whether the server was away: the same request may find it back. */
export function isAway(error: unknown): boolean {
  return error instanceof CallError && (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED);
}

/** Whether the server says that an execution is not this runner's, or not any more. */
export function saysNotOurs(error: unknown): boolean {
  return error instanceof CallError && (error.code === status.NOT_FOUND || error.code === status.FAILED_PRECONDITION);
}
