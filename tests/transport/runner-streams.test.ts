import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { RunResponseSchema } from '../../gen/turboci/v1/stagerunner_pb.js';
import { systemClock } from '../../src/platform/clock.ts';
import { frame } from '../support/http2-peer.ts';
import { manualClock } from '../support/manual-clock.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { runnerCalls, task, watched } from './harness/calls.ts';
import { startRunner } from './harness/grpc-runner.ts';
import { type Http2Runner, type RawCall, respond, startHttp2Runner } from './harness/http2-runner.ts';

/*
 * Runners say how many streams they take at a time on a connection (SETTINGS_MAX_CONCURRENT_STREAMS); what does not fit
 * waits, but not for long.
 */

const clock = systemClock();
const STREAMS = 'its limit of concurrent streams';
const tooLong = { kind: 'UNDELIVERED', message: `the runner took no other call within 5 s (${STREAMS})` };

test('a call that gets no stream within five seconds is UNDELIVERED and never goes out', async () => {
  const time = manualClock();
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 1 });
  const calls = runnerCalls({ clock: time });
  const running = calls.run(runner.address, task(time), watched());
  const first = await callAt(runner, 0);
  const options = watched();
  const waiting = calls.run(runner.address, task(time), options);
  const accepting = calls.runAsync(runner.address, task(time), watched());
  await roundTrip(first);
  const late = watched();
  time.advance(4999);
  const next = calls.run(runner.address, task(time), late);
  time.advance(1);
  expect(await within('the calls that waited', Promise.all([waiting, accepting]))).toEqual([tooLong, tooLong]);
  expect([options.sent(), late.sent(), runner.calls.length]).toEqual([0, 0, 1]);
  answer(first);
  expect(await within('the first call', running)).toMatchObject({ kind: 'ANSWERED' });
  answer(await callAt(runner, 1));
  expect(await within('the call that waited a little', next)).toMatchObject({ kind: 'ANSWERED' });
  expect([options.sent(), late.sent(), runner.calls.length]).toEqual([0, 1, 2]);
});

test('a call whose deadline passes before it gets a stream is UNDELIVERED', async () => {
  const time = manualClock();
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 1 });
  const calls = runnerCalls({ clock: time });
  void calls.run(runner.address, task(time), watched());
  await callAt(runner, 0);
  const waiting = calls.run(runner.address, task(time, { deadline: time.now() + 3000 }), watched());
  time.advance(3000);
  expect(await within('the outcome', waiting)).toEqual({
    kind: 'UNDELIVERED',
    message: `the deadline passed before the runner took the request (${STREAMS})`,
  });
});

test('a call that is aborted before it gets a stream never goes out', async () => {
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 1 });
  const calls = runnerCalls();
  const running = calls.run(runner.address, task(clock), watched());
  const first = await callAt(runner, 0);
  const options = watched();
  const waiting = calls.run(runner.address, task(clock), options);
  const next = calls.run(runner.address, task(clock), watched());
  options.abort();
  expect(await within('the outcome', waiting)).toEqual({ kind: 'BROKEN', message: 'the call was cut by the server' });
  answer(first);
  await within('the first call', running);
  answer(await callAt(runner, 1));
  expect(await within('the next call', next)).toMatchObject({ kind: 'ANSWERED' });
  expect([options.sent(), runner.calls.length]).toEqual([0, 2]);
});

test('a runner that takes no streams gets none: UNDELIVERED', async () => {
  const time = manualClock();
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 0 });
  const calls = runnerCalls({ clock: time });
  const deadline = time.now() + 24 * 3_600_000;
  const outcomes = [1, 2].map(() => calls.run(runner.address, task(time, { deadline }), watched()));
  const [session] = await waitFor('the connection', () => runner.sessions.size === 1 && [...runner.sessions]);
  // The first of them finds out, and both end five seconds after that.
  await waitFor('both outcomes', async () => {
    await new Promise((resolve) => session?.ping(resolve));
    time.advance(5000);
    return Promise.race([Promise.all(outcomes), new Promise<false>((resolve) => setImmediate(resolve, false))]);
  });
  expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(['UNDELIVERED', 'UNDELIVERED']);
  session?.settings({ maxConcurrentStreams: 5 });
  await new Promise((resolve) => session?.ping(resolve));
  const next = calls.run(runner.address, task(time), watched());
  answer(await callAt(runner, 0));
  expect(await within('the call once it takes some', next)).toMatchObject({ kind: 'ANSWERED' });
  expect(runner.calls).toHaveLength(1);
});

test('more calls than streams: all are answered, never too many at a time', async () => {
  let running = 0;
  let most = 0;
  const runner = await startRunner(
    {
      run: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
        return {};
      },
    },
    undefined,
    { 'grpc.max_concurrent_streams': 3 },
  );
  const calls = runnerCalls();
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, () => calls.run(runner.address, task(clock), watched())),
  );
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['ANSWERED']));
  expect([most, runner.connections()]).toEqual([3, 1]);
});

test('a limit that changes under way counts from the next call on', async () => {
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 1 });
  const calls = runnerCalls();
  const run = () => calls.run(runner.address, task(clock), watched());
  const outcomes = [run(), run()];
  const first = await callAt(runner, 0);
  await roundTrip(first);
  expect(runner.calls).toHaveLength(1);
  first.stream.session?.settings({ maxConcurrentStreams: 2 });
  await roundTrip(first);
  outcomes.push(run());
  const second = await callAt(runner, 1);
  first.stream.session?.settings({ maxConcurrentStreams: 1 });
  await roundTrip(second);
  answer(first);
  await within('the first call', Promise.race(outcomes));
  await roundTrip(second);
  expect(runner.calls).toHaveLength(2);
  answer(second);
  answer(await callAt(runner, 2));
  const ends = await within('all outcomes', Promise.all(outcomes));
  expect(ends.map(({ kind }) => kind)).toEqual(['ANSWERED', 'ANSWERED', 'ANSWERED']);
});

test('calls that a runner finishes after its GOAWAY take no streams from the next connection', async () => {
  const runner = await startHttp2Runner(() => {}, { maxConcurrentStreams: 1 });
  const calls = runnerCalls();
  const old = calls.run(runner.address, task(clock), watched());
  const first = await callAt(runner, 0);
  first.stream.session?.goaway();
  await roundTrip(first);
  const next = calls.run(runner.address, task(clock), watched());
  answer(await callAt(runner, 1));
  expect(await within('the call on the next connection', next)).toMatchObject({ kind: 'ANSWERED' });
  answer(first);
  expect(await within('the call on the first', old)).toMatchObject({ kind: 'ANSWERED' });
});

test('Cancel and Ping wait for no work', async () => {
  let running = 0;
  const runner = await startRunner(
    {
      run: () => {
        running += 1;
        return never;
      },
      cancel: () => ({ accepted: true }),
      ping: () => ({}),
    },
    undefined,
    { 'grpc.max_concurrent_streams': 2 },
  );
  const calls = runnerCalls();
  for (const options of [watched(), watched(), watched()]) void calls.run(runner.address, task(clock), options);
  await waitFor('the runner to be full', () => running === 2);
  expect(await within('Cancel', calls.cancel(runner.address, 'execution-1', ''), 4000)).toBe('ACCEPTED');
  expect(await within('Ping', calls.ping(runner.address), 4000)).toBe(true);
  expect([running, runner.connections()]).toEqual([2, 2]);
});

test('a call that waits for another to be cut is not reset by a runner that has not noticed the cut', async () => {
  const worker = new Worker(new URL('./harness/full-runner.ts', import.meta.url));
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = await once(worker, 'message');
  const address = `127.0.0.1:${port}`;
  const calls = runnerCalls();
  void calls.run(address, task(clock), watched());
  for (let round = 0; round < 200; round++) {
    const cut = watched();
    const broken = calls.run(address, task(clock), cut);
    await waitFor('the call to go out', () => cut.sent() === 1);
    const waiting = calls.runAsync(address, task(clock), watched());
    cut.abort();
    expect(await within('the call that is cut', broken)).toMatchObject({ kind: 'BROKEN' });
    expect(await within('the call that waited', waiting)).toEqual({ kind: 'ACCEPTED' });
  }
});

const never = new Promise<never>(() => {});
const bytes = frame(Buffer.from(toBinary(RunResponseSchema, create(RunResponseSchema, {}))));

function answer({ stream }: RawCall): void {
  respond(stream, [bytes], { 'grpc-status': '0' });
}

async function callAt(runner: Http2Runner, at: number): Promise<RawCall> {
  return waitFor(`call ${at + 1}`, () => runner.calls[at]);
}

/** Both sides have done by then what they were about to do. */
async function roundTrip({ stream }: RawCall): Promise<void> {
  await new Promise((resolve) => stream.session?.ping(resolve));
}
