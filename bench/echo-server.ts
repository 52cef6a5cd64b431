import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';

/*
 * What grpc-js itself can do: the unary method METHOD, which answers RESPONSE_BYTES bytes at once. It runs in a process
 * of its own, as the server does, and nothing of ours is in it.
 */
const response = Buffer.alloc(Number(process.env.RESPONSE_BYTES));
const same = (bytes: Buffer): Buffer => bytes;
const server = new Server();
const echo: handleUnaryCall<Buffer, Buffer> = (_call, answer) => answer(null, response);
server.register(process.env.METHOD ?? '', echo, same, same, 'unary');
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ address: `127.0.0.1:${port}` }));
});
process.on('SIGTERM', () => process.exit(0));
