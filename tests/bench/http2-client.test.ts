import { randomBytes } from 'node:crypto';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { Http2Client } from '../../bench/http2/client.ts';
import { within } from '../support/wait-for.ts';

const same = (bytes: Buffer): Buffer => bytes;
const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** A client of a grpc-js server that echoes, fails, and streams. */
async function client(): Promise<Http2Client> {
  const server = new Server(UNLIMITED);
  const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, answer) => answer(null, request);
  server.register('/test/Echo', echo, same, same, 'unary');
  const fail: handleUnaryCall<Buffer, Buffer> = (_call, answer) =>
    answer({ code: 5, details: 'there is no such thing' });
  server.register('/test/Fail', fail, same, same, 'unary');
  server.register(
    '/test/Stream',
    (call: { readonly request: Buffer; write(bytes: Buffer): void; end(): void }) => {
      for (const byte of call.request) call.write(Buffer.alloc(byte * 1000, byte));
      call.end();
    },
    same,
    same,
    'serverStream',
  );
  const { promise: port, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
  const made = new Http2Client(`127.0.0.1:${await port}`);
  onTestFinished(async () => {
    await made.close();
    server.forceShutdown();
  });
  return made;
}

/** A client of a server that does with streams as it is told. */
async function clientOf(serve: (stream: ServerHttp2Stream) => void): Promise<Http2Client> {
  const server: Http2Server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    serve(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const made = new Http2Client(`127.0.0.1:${address.port}`);
  onTestFinished(async () => {
    await made.close();
    server.close();
  });
  return made;
}

test.each([0, 1, 16_379, 16_380, 70_000, 5_000_000])('a message of %d bytes comes back as it went', async (size) => {
  const h2 = await client();
  const message = randomBytes(size);
  const answer = await within('the answer', h2.unary('/test/Echo', message));
  expect(answer.equals(message)).toBe(true);
});

test('many calls at once each get their own answer, also when they share the room there is', async () => {
  const h2 = await client();
  const messages = Array.from({ length: 200 }, (_, at) => Buffer.alloc(at * 500, at));
  const answers = await within('all answers', Promise.all(messages.map((one) => h2.unary('/test/Echo', one))));
  expect(answers.every((answer, at) => messages[at]?.equals(answer))).toBe(true);
});

test('more comes back over time than the window has room for', async () => {
  const h2 = await client();
  const message = randomBytes(1_000_000);
  for (let round = 0; round < 15; round++) {
    const answers = await within(
      'ten answers',
      Promise.all(Array.from({ length: 10 }, () => h2.unary('/test/Echo', message))),
    );
    expect(answers.every((answer) => answer.length === message.length)).toBe(true);
  }
});

test('a stream says when it is open, and its last message', async () => {
  const h2 = await client();
  const { opened, last } = h2.stream('/test/Stream', Buffer.from([3, 200, 7]));
  await within('the stream to open', opened);
  expect((await within('its end', last)).equals(Buffer.alloc(7000, 7))).toBe(true);
});

test('a call that fails is rejected, and the ones after it are served', async () => {
  const h2 = await client();
  await expect(h2.unary('/test/Fail', Buffer.alloc(3))).rejects.toThrow('answered by an error');
  await expect(h2.stream('/test/Nothing', Buffer.alloc(3)).opened).rejects.toThrow('answered by an error');
  expect(await h2.unary('/test/Echo', Buffer.from('x'))).toEqual(Buffer.from('x'));
});

test('a stream that is reset is rejected, with the code', async () => {
  const h2 = await clientOf((stream) => stream.close(8));
  await expect(h2.unary('/any', Buffer.alloc(0))).rejects.toThrow('reset: 8');
});

test('a connection that ends rejects its calls and those that come later', async () => {
  const h2 = await clientOf((stream) => stream.session?.destroy());
  await expect(h2.unary('/any', Buffer.alloc(0))).rejects.toThrow('closed');
  await expect(h2.unary('/any', Buffer.alloc(0))).rejects.toThrow('closed');
});
