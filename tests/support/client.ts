import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  Client,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { RpcError } from './rpc-error.ts';

export type CallInit = CallOptions & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

/** A grpc-js client over descriptors: what it sends and gets are messages of the contract, typed by the method. */
export class TestClient {
  readonly #client: Client;

  constructor(address: string, options: ClientOptions = {}) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // Each client has connections of its own, so that tests do not meet on one.
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
  }

  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    init: CallInit = {},
  ): Promise<MessageShape<O>> {
    const bytes = await this.callRaw(pathOf(method), toBinary(method.input, create(method.input, request)), init);
    return fromBinary(method.output, bytes);
  }

  /** A unary call with whatever bytes; rejects with RpcError. */
  callRaw(path: string, request: Uint8Array, { headers, signal, ...options }: CallInit = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        request,
        metadataOf(headers),
        options,
        (error: ServiceError | null, response?: Buffer) => {
          if (response === undefined || error !== null)
            reject(error === null ? new Error('no answer') : new RpcError(error));
          else resolve(response);
        },
      );
      signal?.addEventListener('abort', () => call.cancel());
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { headers, signal, ...options }: CallInit = {},
  ): TestStream<MessageShape<O>> {
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      metadataOf(headers),
      options,
    );
    signal?.addEventListener('abort', () => call.cancel());
    return new TestStream(call);
  }

  close(): void {
    this.#client.close();
  }
}

/** The answers of a streaming call: iterate it once; it ends, or throws RpcError. */
export class TestStream<T> implements AsyncIterable<T> {
  readonly #call: ClientReadableStream<T>;
  /** Resolves when the server has sent headers: the subscription stands. */
  readonly opened: Promise<void>;
  /** What the stream ended with, also before anybody read it. */
  #failure: Error | undefined;

  constructor(call: ClientReadableStream<T>) {
    this.#call = call;
    this.opened = new Promise((resolve, reject) => {
      call.once('metadata', () => resolve());
      // Leaving the iteration early destroys the stream with an error of Node's, which has no status.
      call.once('error', (error: Error) => {
        this.#failure = isServiceError(error) ? new RpcError(error) : error;
        reject(this.#failure);
      });
    });
    this.opened.catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      yield* this.#call;
      if (this.#failure !== undefined) throw this.#failure;
    } catch (error) {
      throw isServiceError(error) ? new RpcError(error) : error;
    }
  }

  /** All that is left, to the end of the stream. */
  async rest(): Promise<T[]> {
    const all: T[] = [];
    for await (const message of this) all.push(message);
    return all;
  }

  cancel(): void {
    this.#call.cancel();
  }
}

/** The calls of TurboCIOrchestrator and TurboCIExecutor by name. */
export function turboci(client: TestClient) {
  const { method: on } = TurboCIOrchestrator;
  const { method: at } = TurboCIExecutor;
  type Init<M extends DescMethod> = MessageInitShape<M['input']>;
  return {
    createWorkPlan: (request: Init<typeof on.createWorkPlan>, init?: CallInit) =>
      client.call(on.createWorkPlan, request, init),
    getWorkPlan: (request: Init<typeof on.getWorkPlan>, init?: CallInit) => client.call(on.getWorkPlan, request, init),
    listWorkPlans: (request: Init<typeof on.listWorkPlans>, init?: CallInit) =>
      client.call(on.listWorkPlans, request, init),
    cancelWorkPlan: (request: Init<typeof on.cancelWorkPlan>, init?: CallInit) =>
      client.call(on.cancelWorkPlan, request, init),
    writeNodes: (request: Init<typeof on.writeNodes>, init?: CallInit) => client.call(on.writeNodes, request, init),
    queryNodes: (request: Init<typeof on.queryNodes>, init?: CallInit) => client.call(on.queryNodes, request, init),
    watchWorkPlan: (request: Init<typeof on.watchWorkPlan>, init?: CallInit) =>
      client.stream(on.watchWorkPlan, request, init),
    registerStageRunner: (request: Init<typeof on.registerStageRunner>, init?: CallInit) =>
      client.call(on.registerStageRunner, request, init),
    unregisterStageRunner: (request: Init<typeof on.unregisterStageRunner>, init?: CallInit) =>
      client.call(on.unregisterStageRunner, request, init),
    listStageRunners: (request: Init<typeof on.listStageRunners>, init?: CallInit) =>
      client.call(on.listStageRunners, request, init),
    updateStageExecution: (request: Init<typeof on.updateStageExecution>, init?: CallInit) =>
      client.call(on.updateStageExecution, request, init),
    completeStageExecution: (request: Init<typeof on.completeStageExecution>, init?: CallInit) =>
      client.call(on.completeStageExecution, request, init),
    acquireStageExecutions: (request: Init<typeof on.acquireStageExecutions>, init?: CallInit) =>
      client.call(on.acquireStageExecutions, request, init),
    runStage: (request: Init<typeof at.runStage>, init?: CallInit) => client.call(at.runStage, request, init),
    cancelStage: (request: Init<typeof at.cancelStage>, init?: CallInit) => client.call(at.cancelStage, request, init),
  };
}

/** The path of a method, as it travels. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function metadataOf(headers: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'details' in error;
}
