import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { status as grpcStatus, Metadata } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { RunRequestSchema, RunResponseSchema } from '../../gen/turboci/v1/stagerunner_pb.js';
import { systemClock } from '../../src/platform/clock.ts';
import { frame } from '../support/http2-peer.ts';
import { manualClock } from '../support/manual-clock.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { runnerCalls, task, watched } from './harness/calls.ts';
import { startRunner } from './harness/grpc-runner.ts';
import { type RawCall, respond, respondWithStatus, startHttp2Runner } from './harness/http2-runner.ts';

/*
 * UNDELIVERED is proof, BROKEN is doubt. The statuses of grpc-js that the two hang on are pinned here: an upgrade that
 * words or orders them otherwise fails one of these tests.
 */

const clock = systemClock();
const answer = frame(Buffer.from(toBinary(RunResponseSchema, create(RunResponseSchema, {}))));
const ok = { 'grpc-status': '0' };

/** What a call meets at a runner that does as the test says once it has the whole request. */
async function outcomeAt(onRequest: (call: RawCall) => void) {
  const runner = await startHttp2Runner(async (call) => {
    await call.body;
    onRequest(call);
  });
  const options = watched();
  const outcome = await within('the outcome', runnerCalls().run(runner.address, task(clock), options));
  return { ...outcome, sent: options.sent() };
}

test('the request is a gRPC call of the contract', async () => {
  const runner = await startHttp2Runner(({ stream }) => respond(stream, [answer], ok));
  const time = manualClock();
  expect(await runnerCalls({ clock: time }).run(runner.address, task(time), watched())).toMatchObject({
    kind: 'ANSWERED',
  });
  const [call] = runner.calls;
  expect(call?.headers).toMatchObject({
    ':path': '/turboci.v1.StageRunner/Run',
    'content-type': 'application/grpc',
    'grpc-timeout': '60000m',
  });
  expect(await call?.body).toEqual(
    frame(
      Buffer.from(
        toBinary(
          RunRequestSchema,
          create(RunRequestSchema, {
            ...{
              executionId: 'execution-1',
              workPlanId: 'plan',
              stageId: 'build',
              attemptIdx: 1,
              runnerType: 'docker',
            },
            ...{ args: {}, deadline: { seconds: BigInt((time.now() + 60_000) / 1000) }, heartbeatTimeout: {} },
          }),
        ),
      ),
    ),
  );
});

test('nobody listens: UNDELIVERED, in the words of the operating system', async () => {
  const gone = await startRunner({});
  gone.kill();
  const options = watched();
  expect(await runnerCalls().run(gone.address, task(clock), options)).toEqual({
    kind: 'UNDELIVERED',
    message: expect.stringMatching(/^no connection: connect ECONNREFUSED 127\.0\.0\.1:\d+/),
  });
  expect(options.sent()).toBe(0);
});

test.each([
  ['a name that does not exist', 'no-such-host.invalid:1'],
  ['a socket that does not exist', 'unix:/no/such/runner.sock'],
])('%s: UNDELIVERED', async (_, address) => {
  const outcome = await runnerCalls().run(address, task(clock), watched());
  expect(outcome).toMatchObject({ kind: 'UNDELIVERED', message: expect.stringContaining('no connection: ') });
});

test('who listens does not speak HTTP/2: UNDELIVERED', async () => {
  const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  expect(await runnerCalls().run(`127.0.0.1:${port}`, task(clock), watched())).toMatchObject({ kind: 'UNDELIVERED' });
});

test('who listens never says a word: UNDELIVERED after five seconds, and the socket is closed', async () => {
  const time = manualClock();
  const open = new Set<Socket>();
  const port = await listen((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.resume();
  });
  const calls = runnerCalls({ clock: time });
  for (let round = 0; round < 3; round++) {
    const options = watched();
    const outcomes = Promise.all([1, 2].map(() => calls.run(`127.0.0.1:${port}`, task(time), options)));
    await waitFor('the connection', () => open.size === 1);
    time.advance(4999);
    expect(open.size).toBe(1);
    time.advance(1);
    const expected = { kind: 'UNDELIVERED', message: 'no connection within 5 s' };
    expect(await within('the outcomes', outcomes)).toEqual([expected, expected]);
    expect(options.sent()).toBe(0);
    await waitFor('the end of the socket', () => open.size === 0);
  }
});

test('the deadline passes before there is a connection: UNDELIVERED', async () => {
  const time = manualClock();
  const sockets: Socket[] = [];
  const port = await listen((socket) => sockets.push(socket));
  const calls = runnerCalls({ clock: time });
  const outcome = calls.run(`127.0.0.1:${port}`, task(time, { deadline: time.now() + 3000 }), watched());
  await waitFor('the connection', () => sockets[0]);
  time.advance(3000);
  expect(await within('the outcome', outcome)).toMatchObject({ kind: 'UNDELIVERED' });
  const late = task(time, { deadline: time.now() });
  expect(await calls.run(`127.0.0.1:${port}`, late, watched())).toMatchObject({ kind: 'UNDELIVERED' });
});

test('REFUSED_STREAM: UNDELIVERED', async () => {
  expect(await outcomeAt(({ stream }) => stream.close(constants.NGHTTP2_REFUSED_STREAM))).toEqual({
    kind: 'UNDELIVERED',
    message: 'the runner refused the stream',
    sent: 1,
  });
});

test('REFUSED_STREAM after headers is a lie: BROKEN', async () => {
  const outcome = await outcomeAt(({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    setImmediate(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  });
  expect(outcome).toMatchObject({ kind: 'BROKEN' });
});

test('a program that says the words of a refused stream has spoken: BROKEN', async () => {
  const words = { code: grpcStatus.UNAVAILABLE, details: 'Stream refused by server' };
  const runner = await startRunner({
    run: () => {
      throw words;
    },
    runAsync: (call) => {
      call.sendMetadata(new Metadata());
      throw words;
    },
  });
  const calls = runnerCalls();
  expect(await calls.run(runner.address, task(clock), watched())).toMatchObject({ kind: 'BROKEN' });
  expect(await calls.runAsync(runner.address, task(clock), watched())).toMatchObject({ kind: 'BROKEN' });
});

test.each([
  ['CANCEL', constants.NGHTTP2_CANCEL],
  ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
  ['ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM],
  ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
])('the stream is reset with %s: BROKEN', async (_, code) => {
  expect(await outcomeAt(({ stream }) => stream.close(code))).toMatchObject({ kind: 'BROKEN', sent: 1 });
  const late = await outcomeAt(({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    setImmediate(() => stream.close(code));
  });
  expect(late).toMatchObject({ kind: 'BROKEN' });
});

test('the connection breaks after the request went out: BROKEN', async () => {
  const outcome = await outcomeAt(({ stream }) => stream.session?.socket.destroy());
  expect(outcome).toEqual({ kind: 'BROKEN', message: expect.stringContaining('UNAVAILABLE'), sent: 1 });
});

test('the connection is cut with ENHANCE_YOUR_CALM, as for too many pings: BROKEN', async () => {
  const outcome = await outcomeAt(({ stream }) => {
    stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
    setImmediate(() => stream.session?.destroy());
  });
  expect(outcome).toMatchObject({ kind: 'BROKEN' });
});

test.each([
  ['OK without a message', (call) => respond(call.stream, [], ok)],
  ['OK in headers only', (call) => respondWithStatus(call.stream, ok)],
  ['two messages', (call) => respond(call.stream, [answer, answer], ok)],
  ['two messages and a refusal', (call) => respond(call.stream, [answer, answer], { 'grpc-status': '12' })],
  ['a message and a refusal', (call) => respond(call.stream, [answer], { 'grpc-status': '8' })],
  ['a message of noise', (call) => respond(call.stream, [frame(Buffer.from('noise'))], ok)],
  ['half a message', (call) => respond(call.stream, [Buffer.from([0, 0, 0, 0, 9, 1])], ok)],
  [
    'a compressed message that is none',
    (call) => respond(call.stream, [frame(Buffer.from('x'), { compressed: true })], ok),
  ],
  ['no status', (call) => respond(call.stream, [answer], {})],
  ['a status that is no number', (call) => respond(call.stream, [], { 'grpc-status': 'fine' })],
  ['a status that nobody knows', (call) => respond(call.stream, [], { 'grpc-status': '99' })],
  ['HTTP 503', (call) => call.stream.respond({ ':status': 503 }, { endStream: true })],
  [
    'HTTP 429 with a body',
    ({ stream }) => {
      stream.respond({ ':status': 429, 'content-type': 'text/html' });
      stream.end('<html>not so fast</html>');
    },
  ],
] satisfies readonly (readonly [string, (call: RawCall) => void])[])('%s: BROKEN', async (_, onRequest) => {
  expect(await outcomeAt(onRequest)).toMatchObject({ kind: 'BROKEN', sent: 1 });
});

test('JSON that nests deeper than any stack: BROKEN', async () => {
  let value = Buffer.alloc(0);
  for (let level = 0; level < 5000; level++) value = Buffer.concat([lengthDelimited(6, lengthDelimited(1, value))]);
  const details = lengthDelimited(
    4,
    lengthDelimited(1, Buffer.concat([lengthDelimited(1, Buffer.from('k')), lengthDelimited(2, value)])),
  );
  const outcome = await outcomeAt(({ stream }) => respond(stream, [frame(details)], ok));
  expect(outcome).toMatchObject({ kind: 'BROKEN', message: expect.stringContaining('turboci.v1.RunResponse') });
});

test('HTTP 404 is how a server without gRPC says UNIMPLEMENTED: UNDELIVERED', async () => {
  expect(await outcomeAt(({ stream }) => stream.respond({ ':status': 404 }, { endStream: true }))).toMatchObject({
    kind: 'UNDELIVERED',
  });
});

test('a runner that stops in order: running calls end, new ones are UNDELIVERED', async () => {
  const finish = Promise.withResolvers<object>();
  let started = 0;
  const runner = await startRunner({
    run: () => {
      started += 1;
      return finish.promise;
    },
  });
  const calls = runnerCalls();
  const running = calls.run(runner.address, task(clock), watched());
  await waitFor('the call', () => started === 1);
  runner.drain();
  await waitFor('nobody to listen', async () => {
    const outcome = await calls.run(runner.address, task(clock), { ...watched(), signal: AbortSignal.timeout(2000) });
    return outcome.kind === 'UNDELIVERED';
  });
  finish.resolve({});
  expect(await within('the running call', running)).toMatchObject({ kind: 'ANSWERED' });
});

test('a call that a GOAWAY overtakes is UNDELIVERED, those below its number go on', async () => {
  const first: RawCall[] = [];
  const runner = await startHttp2Runner((call) => {
    if (first.length > 0) call.stream.session?.goaway(constants.NGHTTP2_NO_ERROR, first[0]?.stream.id);
    else first.push(call);
  });
  const calls = runnerCalls();
  const running = calls.run(runner.address, task(clock), watched());
  const call = await waitFor('the first call', () => first[0]);
  expect(await within('the second call', calls.run(runner.address, task(clock), watched()))).toEqual({
    kind: 'UNDELIVERED',
    message: 'the runner refused the stream',
  });
  respond(call.stream, [answer], ok);
  expect(await within('the first call', running)).toMatchObject({ kind: 'ANSWERED' });
});

test('a request that the runner does not read to its end is UNDELIVERED at its deadline', async () => {
  const time = manualClock();
  const runner = await startHttp2Runner(({ stream }) => void stream.pause(), { initialWindowSize: 1000 });
  const options = watched();
  const large = task(time, { args: { text: 'x'.repeat(100_000) } });
  const outcome = runnerCalls({ clock: time }).run(runner.address, large, options);
  await waitFor('the call', () => runner.calls[0]);
  time.advance(59_999);
  time.advance(1);
  expect(await within('the outcome', outcome)).toEqual({
    kind: 'UNDELIVERED',
    message: 'the deadline passed before the runner took the whole request',
  });
  expect(options.sent()).toBe(0);
});

test('the peers of these tests speak HTTP/2', async () => {
  const runner = await startHttp2Runner(({ stream }) => respondWithStatus(stream, ok));
  const session = connect(`http://${runner.address}`);
  onTestFinished(() => session.destroy());
  const [headers] = await once(session.request({ ':method': 'POST', ':path': '/' }).end(), 'response');
  expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '0' });
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

/** A field of protobuf's wire type 2. */
function lengthDelimited(field: number, value: Buffer): Buffer {
  const head: number[] = [field * 8 + 2];
  let length = value.length;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) + 128);
  return Buffer.concat([Buffer.from([...head, length]), value]);
}
