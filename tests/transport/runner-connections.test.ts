import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { Clock } from '../../src/domain/ports.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { manualClock } from '../support/manual-clock.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { runnerCalls, task, watched } from './harness/calls.ts';
import { type GrpcRunner, startRunner } from './harness/grpc-runner.ts';

const clock = systemClock();
const isLinux = process.platform === 'linux';

test('work at one runner shares one connection, however much there is at a time, and what controls it another', async () => {
  const all = Promise.withResolvers<object>();
  let open = 0;
  const runner = await startRunner({
    run: async () => {
      open += 1;
      return all.promise;
    },
    ping: () => ({}),
  });
  const calls = runnerCalls();
  const outcomes = Promise.all(Array.from({ length: 500 }, () => calls.run(runner.address, task(clock), watched())));
  await waitFor('all calls', () => open === 500);
  expect(await calls.ping(runner.address)).toBe(true);
  all.resolve({});
  const kinds = (await within('all outcomes', outcomes)).map((outcome) => outcome.kind);
  expect(new Set(kinds)).toEqual(new Set(['ANSWERED']));
  expect(runner.connections()).toBe(2);
});

test('a connection is closed when it was not used for a minute, and made again', async () => {
  const time = manualClock();
  const runner = await startRunner({ ping: () => ({}) });
  const calls = runnerCalls({ clock: time });
  for (let round = 0; round < 3; round++) {
    await calls.ping(runner.address);
    time.advance(59_999);
  }
  await calls.ping(runner.address);
  expect([runner.connections(), runner.sockets.size]).toEqual([1, 1]);
  time.advance(60_000);
  await waitFor('the end of the connection', () => runner.sockets.size === 0);
  expect(await calls.ping(runner.address)).toBe(true);
  expect(runner.connections()).toBe(2);
});

test('a connection is not closed while a call is open, however long', async () => {
  const time = manualClock();
  const done = Promise.withResolvers<object>();
  let started = 0;
  const runner = await startRunner({
    run: () => {
      started += 1;
      return done.promise;
    },
    runAsync: () => ({ accepted: true }),
  });
  const calls = runnerCalls({ clock: time });
  const outcome = calls.run(runner.address, task(time, { deadline: time.now() + 3_600_000 }), watched());
  await waitFor('the call', () => started === 1);
  await calls.runAsync(runner.address, task(time), watched());
  time.advance(3_000_000);
  await calls.runAsync(runner.address, task(time), watched());
  expect(runner.connections()).toBe(1);
  done.resolve({});
  expect(await outcome).toMatchObject({ kind: 'ANSWERED' });
});

test('a runner that comes back is found by the next call', async () => {
  const first = await startRunner({ ping: () => ({}) });
  const calls = runnerCalls();
  expect(await calls.ping(first.address)).toBe(true);
  first.kill();
  for (let round = 0; round < 3; round++) expect(await calls.ping(first.address)).toBe(false);
  const second = await startRunner({ ping: () => ({}) }, { host: '127.0.0.1', port: first.port });
  expect(await calls.ping(second.address)).toBe(true);
});

test('a runner that does not answer delays no other', async () => {
  let hanging = 0;
  const slow = await startRunner({
    run: () => {
      hanging += 1;
      return new Promise<never>(() => {});
    },
  });
  const quick = await startRunner({ run: () => ({}) });
  const calls = runnerCalls();
  const options = watched();
  const stuck = Promise.all(Array.from({ length: 100 }, () => calls.run(slow.address, task(clock), options)));
  await waitFor('the slow calls', () => hanging === 100);
  for (let round = 0; round < 20; round++) {
    const outcome = await within('the quick runner', calls.run(quick.address, task(clock), watched()), 2000);
    expect(outcome.kind).toBe('ANSWERED');
  }
  options.abort();
  await within('the end of the slow calls', stuck);
});

test('a hundred addresses: a connection each, and none of them is left', async () => {
  const time = manualClock();
  const runners: GrpcRunner[] = [];
  for (let count = 0; count < 100; count++) runners.push(await startRunner({ ping: () => ({}) }));
  const before = openFiles();
  const calls = runnerCalls({ clock: time });
  expect(await Promise.all(runners.map(({ address }) => calls.ping(address)))).toEqual(runners.map(() => true));
  expect(runners.map((runner) => runner.sockets.size)).toEqual(runners.map(() => 1));
  time.advance(60_000);
  await waitFor('the end of all connections', () => runners.every((runner) => runner.sockets.size === 0));
  await waitFor('no file to be open that was not before', () => openFiles() <= before);
  for (const { kill } of runners) kill();
  const listening = openFiles();
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(runners.map(({ address }) => calls.ping(address)));
    expect(new Set(answers)).toEqual(new Set([false]));
  }
  await waitFor('nothing of the failed connects to be left', () => openFiles() <= listening);
});

test('a call that has ended leaves no timer behind', async () => {
  const runner = await startRunner({ run: () => ({}) });
  const waiting = new Set<object>();
  const counting: Clock = {
    now: clock.now,
    after(delayMs, fire) {
      const timer = {};
      const stop = clock.after(delayMs, () => {
        waiting.delete(timer);
        fire();
      });
      waiting.add(timer);
      return () => {
        waiting.delete(timer);
        stop();
      };
    },
  };
  const calls = runnerCalls({ clock: counting });
  await Promise.all(Array.from({ length: 10 }, () => calls.run(runner.address, task(clock), watched())));
  expect(waiting.size).toBe(1);
  calls.close();
  expect(waiting.size).toBe(0);
});

test('close cuts all calls and connections, and there are no more', async () => {
  const cancelled: (() => boolean)[] = [];
  const runner = await startRunner({
    run: (call) => {
      cancelled.push(() => call.cancelled);
      return new Promise<never>(() => {});
    },
  });
  const calls = runnerCalls();
  const outcome = calls.run(runner.address, task(clock), watched());
  const isCancelled = await waitFor('the call', () => cancelled[0]);
  calls.close();
  calls.close();
  expect(await within('the outcome', outcome)).toEqual({ kind: 'BROKEN', message: 'the call was cut by the server' });
  await waitFor('the runner to know', isCancelled);
  await waitFor('the end of the connection', () => runner.sockets.size === 0);
  expect(await calls.run(runner.address, task(clock), watched())).toMatchObject({ kind: 'UNDELIVERED' });
  expect(await calls.ping(runner.address)).toBe(false);
  expect(runner.connections()).toBe(1);
});

test.runIf(isLinux)('a silent connection is probed by TCP, not by pings of HTTP/2', async () => {
  const runner = await startRunner({ ping: () => ({}) });
  await runnerCalls().ping(runner.address);
  const [socket] = runner.sockets;
  if (socket === undefined) throw new Error('no connection');
  await waitFor('the timer of the kernel', () => tcpTimer(socket) === '02');
});

/** Descriptors that this process has open; 0 where that cannot be told. */
function openFiles(): number {
  return isLinux ? readdirSync('/proc/self/fd').length : 0;
}

/** Which timer of the kernel runs for the other side of a connection; 02 is that of keepalive (proc(5)). */
function tcpTimer({ remotePort = 0 }: Socket): string | undefined {
  const local = `:${remotePort.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const fields = lines.map((line) => line.trim().split(/\s+/)).find(([, address]) => address?.endsWith(local));
  return fields?.[5]?.split(':')[0];
}
