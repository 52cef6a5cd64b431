import { once } from 'node:events';
import { createServer, type ListenOptions, type Socket } from 'node:net';
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
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type StatusObject,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { StageRunner } from '../../../gen/turboci/v1/stagerunner_pb.js';
import { pathOf } from '../../support/client.ts';

type Methods = typeof StageRunner.method;

/** What a method answers; a status is thrown. */
type Handler<M extends DescMethodUnary> = (
  call: ServerUnaryCall<MessageShape<M['input']>, MessageShape<M['output']>>,
) => Promise<MessageInitShape<M['output']>> | MessageInitShape<M['output']>;

export type RunnerHandlers = { readonly [K in keyof Methods]?: Handler<Methods[K]> };

export type GrpcRunner = {
  readonly address: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that there have been. */
  connections(): number;
  /** Ends like a program that stops in order: running calls go on, new ones find nobody. */
  drain(): void;
  /** Ends like a program that is killed. */
  kill(): void;
};

/** A runner on a real grpc-js server with the methods of the test's own; the others are UNIMPLEMENTED. */
export async function startRunner(
  handlers: RunnerHandlers,
  listen: ListenOptions = { host: '127.0.0.1', port: 0 },
  options: ServerOptions = {},
): Promise<GrpcRunner> {
  const server = new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024, ...options });
  const { run, runAsync, cancel, ping } = StageRunner.method;
  addMethod(server, run, handlers.run);
  addMethod(server, runAsync, handlers.runAsync);
  addMethod(server, cancel, handlers.cancel);
  addMethod(server, ping, handlers.ping);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  listener.listen(listen);
  await once(listener, 'listening');
  const kill = (): void => {
    listener.close();
    for (const socket of sockets) socket.destroy();
    server.forceShutdown();
  };
  onTestFinished(kill);
  const address = listener.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  return {
    address: typeof address === 'string' ? `unix:${address}` : `127.0.0.1:${port}`,
    port,
    sockets,
    connections: () => connections,
    drain() {
      listener.close();
      injector.drain(60_000);
    },
    kill,
  };
}

function addMethod<I extends DescMessage, O extends DescMessage>(
  server: Server,
  method: DescMethodUnary<I, O>,
  handler: Handler<DescMethodUnary<I, O>> | undefined,
): void {
  if (handler === undefined) return;
  const serve: handleUnaryCall<MessageShape<I>, MessageShape<O>> = (call, callback) => {
    Promise.resolve(call)
      .then(handler)
      .then(
        (answer) => callback(null, create(method.output, answer)),
        (refusal: Partial<StatusObject>) => callback(refusal),
      );
  };
  server.register(
    pathOf(method),
    serve,
    (message: MessageShape<O>) => Buffer.from(toBinary(method.output, message)),
    (bytes: Buffer) => fromBinary(method.input, bytes),
    'unary',
  );
}
