import { parentPort } from 'node:worker_threads';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/*
 * A runner with an event loop of its own, as runners have, on a server that takes two streams at a time: Run never ends,
 * RunAsync is accepted. It posts its port.
 */

const ACCEPTED = Buffer.from([8, 1]);

const server = new Server({ 'grpc.max_concurrent_streams': 2 });
const asIs = (bytes: Buffer): Buffer => bytes;
server.register('/turboci.v1.StageRunner/Run', () => {}, asIs, asIs, 'unary');
server.register<Buffer, Buffer>(
  '/turboci.v1.StageRunner/RunAsync',
  (_call: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, ACCEPTED),
  asIs,
  asIs,
  'unary',
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  parentPort?.postMessage(port);
});
