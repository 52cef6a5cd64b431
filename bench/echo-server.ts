import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';

/*
 * What grpc-js itself can do: the unary method METHOD, which answers RESPONSE_BYTES bytes at once. It runs in a process
 * of its own, as the server does, and nothing of ours is in it. /bench.Echo/LastRequest answers what METHOD got last.
 */
const response = Buffer.alloc(Number(process.env.RESPONSE_BYTES));
let lastRequest: Buffer = Buffer.alloc(0);
const same = (bytes: Buffer): Buffer => bytes;
const keep = (bytes: Buffer): Buffer => {
  lastRequest = bytes;
  return bytes;
};
const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
const echo: handleUnaryCall<Buffer, Buffer> = (_call, answer) => answer(null, response);
const tell: handleUnaryCall<Buffer, Buffer> = (_call, answer) => answer(null, lastRequest);
server.register(process.env.METHOD ?? '', echo, same, keep, 'unary');
server.register('/bench.Echo/LastRequest', tell, same, same, 'unary');
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ address: `127.0.0.1:${port}` }));
});
process.on('SIGTERM', () => process.exit(0));
