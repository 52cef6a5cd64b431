import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type CallOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from './cli.ts';
import { serverError } from './server-error.ts';

/** Longest wait for a unary answer, in milliseconds. A write of the largest plan takes a fraction of it. */
const UNARY_DEADLINE_MS = 60_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * A typed client of one server, made from the generated service descriptors. Errors reject as CliError, with the
 * server's reason, fields and a remedy.
 */
export class ServerClient {
  readonly address: string;
  readonly #grpc: Client;
  readonly #clock: Clock;

  /** `address` as gRPC names it: `host:port`, or `unix:PATH` for a socket. */
  constructor(address: string, clock: Clock) {
    this.address = address;
    this.#clock = clock;
    this.#grpc = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.enable_http_proxy': 0,
    });
  }

  /** Calls a unary method, e.g. `call(TurboCIOrchestrator.method.getWorkPlan, { id })`. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const deadline = this.#clock.now() + UNARY_DEADLINE_MS;
    return new Promise((resolve, reject) => {
      this.#grpc.makeUnaryRequest(
        pathOf(method),
        encoder(method.input),
        decoder(method.output),
        create(method.input, request),
        new Metadata(),
        { deadline },
        (error: ServiceError | null, answer?: MessageShape<O>) => {
          if (error !== null) reject(serverError(error, this.address));
          else if (answer === undefined) reject(new Error(`${method.name} answered neither a message nor an error`));
          else resolve(answer);
        },
      );
    });
  }

  /** Calls a server-streaming method; the answers come as they arrive, at the pace at which they are read. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    if (signal.aborted) return;
    const call = this.#grpc.makeServerStreamRequest(
      pathOf(method),
      encoder(method.input),
      decoder(method.output),
      create(method.input, request),
      new Metadata(),
      options,
    );
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call) yield message;
    } catch (error) {
      if (!signal.aborted) throw serverError(error, this.address);
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  close(): void {
    this.#grpc.close();
  }
}

function pathOf(method: DescMethodUnary | DescMethodServerStreaming): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function encoder<D extends DescMessage>(schema: D): (message: MessageShape<D>) => Buffer {
  return (message) => Buffer.from(toBinary(schema, message));
}

function decoder<D extends DescMessage>(schema: D): (bytes: Buffer) => MessageShape<D> {
  return (bytes) => fromBinary(schema, bytes);
}
