import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { machine } from '../../src/runner/system.ts';
import { refusal } from '../support/rpc-error.ts';
import { caller, execution, FakeServer } from './fake-server.ts';
import { held, hurried, start } from './runners.ts';

const { run, runAsync, ping, cancel } = StageRunner.method;
const soon = () => ({ deadline: Date.now() + 20_000 });

test('types that share a slot take turns: a call waits for it', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  const runner = await start({ mode: 'serve', server: server.address, handlers: { t: handler, u: handler } });
  const client = caller(runner.address);
  const first = client.call(run, execution('e1'), soon());
  await of('e1');
  const second = client.call(runAsync, { ...execution('e2', { runnerType: 'u' }), callbackAddress: server.address });
  await client.call(ping, {});
  const third = client.call(run, execution('e3', { runnerType: 'u' }), soon());
  await client.call(ping, {});
  expect(calls).toHaveLength(1);
  (await of('e1')).answer({});
  await first;
  expect(await second).toMatchObject({ accepted: true });
  (await of('e2')).answer({});
  (await of('e3')).answer({ details: { n: 3 } });
  expect(await third).toMatchObject({ details: { n: 3 } });
  expect(calls.map(({ task }) => task.executionId)).toEqual(['e1', 'e2', 'e3']);
});

test('a call that waits for a slot is dropped when it is cut or cancelled, or the runner stops', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  const runner = await start({ mode: 'serve', server: server.address }, handler);
  const client = caller(runner.address);
  const first = client.call(run, execution('e1'), soon());
  await of('e1');
  const cut = new AbortController();
  const gone = refusal(client.call(run, execution('cut'), { ...soon(), signal: cut.signal }));
  const cancelled = refusal(client.call(run, execution('cancelled'), soon()));
  const stopped = client.call(runAsync, execution('stopped'), soon());
  await client.call(ping, {});
  cut.abort();
  expect((await gone).code).toBe('CANCELLED');
  expect(await client.call(cancel, { executionId: 'cancelled' })).toMatchObject({ accepted: true });
  expect((await cancelled).code).toBe('RESOURCE_EXHAUSTED');
  const ended = runner.stop();
  expect(await stopped).toMatchObject({ accepted: false });
  (await of('e1')).answer({});
  await first;
  await ended;
  expect(calls).toHaveLength(1);
});

test('the wait for a slot leaves time for another runner: it ends with a third of the deadline', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const waits: number[] = [];
  const system = {
    ...machine,
    after: (delayMs: number, fire: () => void) => {
      waits.push(delayMs);
      return machine.after(delayMs, fire);
    },
  };
  const runner = await start({ mode: 'serve', server: server.address, system, ttlMs: 600_000 }, handler);
  const client = caller(runner.address);
  const first = client.call(run, execution('e1'), soon());
  await of('e1');
  waits.length = 0;
  const deadline = timestampFromMs(Date.now() + 1_200);
  expect(await client.call(runAsync, execution('e2', { deadline }))).toMatchObject({ accepted: false });
  const heartbeatTimeout = durationFromMs(900);
  expect(await client.call(runAsync, execution('e3', { heartbeatTimeout }))).toMatchObject({ accepted: false });
  expect(waits).toHaveLength(2);
  expect(waits[0]).toBeLessThan(600);
  expect(waits[1]).toBe(300);
  (await of('e1')).answer({});
  await first;
});

test('beyond maxConcurrent calls are declined, before anything is begun; a slot is free with the answer', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  const options = { maxConcurrent: 2, system: hurried(50) };
  const runner = await start({ mode: 'serve', server: server.address, ...options }, handler);
  const client = caller(runner.address);
  const capacity = async () => (await client.call(ping, {})).availableCapacity;
  expect(await client.call(ping, {})).toMatchObject({ runnerType: 't', availableCapacity: 2 });
  const first = client.call(run, execution('e1'), soon());
  expect(await client.call(runAsync, execution('e2'))).toMatchObject({ accepted: true });
  await of('e1');
  expect(await capacity()).toBe(0);
  expect((await refusal(client.call(run, execution('e3'), soon()))).code).toBe('RESOURCE_EXHAUSTED');
  expect(await client.call(runAsync, execution('e4'))).toMatchObject({ accepted: false });
  (await of('e1')).answer({});
  await first;
  expect(await client.call(runAsync, execution('e5'))).toMatchObject({ accepted: true });
  await of('e5');
  expect(calls.map(({ task }) => task.executionId)).toEqual(['e1', 'e2', 'e5']);
});
