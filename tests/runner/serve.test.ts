import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { CheckState, ExecutionMode, StageState } from '../../gen/turboci/v1/common_pb.js';
import { CheckOptionsSchema, StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { Verdict } from '../../src/runner/start-runner.ts';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { caller, execution, FakeServer } from './fake-server.ts';
import { held, start, stopCause } from './runners.ts';

const { run, runAsync, ping, cancel } = StageRunner.method;
const soon = () => ({ deadline: Date.now() + 20_000 });

test('a served runner is registered for each of its types, renewed after a third of the ttl, and unregistered', async () => {
  const server = await new FakeServer().start();
  const handler = async () => ({});
  const options = {
    maxConcurrent: 3,
    ttlMs: 1_500,
    runnerId: 'me',
    metadata: { zone: 'a' },
    handlers: { t: handler, u: handler },
  };
  const runner = await start({ mode: 'serve', server: server.address, ...options });
  const [first, second] = await server.received('register', 4);
  expect(runner.address).toMatch(/^127\.0\.0\.1:\d+$/u);
  expect(first).toMatchObject({
    runnerId: 'me',
    runnerType: 't',
    address: runner.address,
    supportedModes: [ExecutionMode.SYNC, ExecutionMode.ASYNC],
    maxConcurrent: 3,
    ttlSeconds: 2n,
    metadata: { zone: 'a' },
  });
  expect(second).toMatchObject({ runnerType: 'u' });
  await runner.stop();
  const ids = server.requests('unregister').map(({ registrationId }) => registrationId);
  const registered = server.requests('register').length;
  expect(ids).toEqual([`t-${registered - 1}`, `u-${registered}`]);
  await runner.stop();
  expect(server.requests('unregister')).toHaveLength(2);
});

test('a runner has an id of its own, and says where it is to be called', async () => {
  const server = await new FakeServer().start();
  const listening = { mode: 'serve', server: server.address, listen: '0.0.0.0:0' } as const;
  const [one, two, named] = await Promise.all([
    start(listening),
    start(listening),
    start({ ...listening, advertise: 'ci-7.internal:7000', accepts: ['ASYNC'] }),
  ]);
  expect(one.id).not.toBe(two.id);
  expect(one.address).toMatch(/^[^:]+:\d+$/u);
  expect(one.address).not.toContain('0.0.0.0');
  expect(named.address).toBe('ci-7.internal:7000');
  expect(server.requests('register').find(({ runnerId }) => runnerId === named.id)).toMatchObject({
    address: 'ci-7.internal:7000',
    supportedModes: [ExecutionMode.ASYNC],
  });
});

test('SYNC: the handler gets the task in plain values, and its answer goes back with the call', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address }, handler);
  const request = execution('e1', {
    attemptIdx: 2,
    args: { suite: 'unit', shards: [1, 2] },
    assignedCheckIds: ['passes', 'is fast'],
    checkOptions: [create(CheckOptionsSchema, { checkId: 'passes', kind: 'test', options: { strict: true } })],
    metadata: { commit: 'abc' },
    heartbeatTimeout: durationFromMs(60_000),
  });
  const answer = caller(runner.address).call(run, request, soon());
  const { task, answer: reply } = await of('e1');
  expect(task).toEqual({
    executionId: 'e1',
    planId: 'plan',
    stageId: 'stage-e1',
    attemptIdx: 2,
    runnerType: 't',
    args: { suite: 'unit', shards: [1, 2] },
    checks: [
      { id: 'passes', kind: 'test', options: { strict: true } },
      { id: 'is fast', kind: '', options: {} },
    ],
    deadline: expect.any(Date),
    metadata: { commit: 'abc' },
    heartbeatTimeoutMs: 60_000,
  });
  expect(runner.executionIds).toEqual(['e1']);
  reply({
    checks: [
      { id: 'passes', data: { passed: 12 } },
      { id: 'is fast', state: CheckState.UNKNOWN, failure: { message: 'slow', reason: 'SLOW' } },
    ],
    details: { host: 'h' },
  });
  expect(await answer).toMatchObject({
    stageState: StageState.FINAL,
    details: { host: 'h' },
    checkUpdates: [
      { checkId: 'passes', state: CheckState.FINAL, resultData: { passed: 12 }, finalize: true },
      { checkId: 'is fast', state: CheckState.UNKNOWN, failure: { message: 'slow', reason: 'SLOW' } },
    ],
  });
  expect((await answer).failure).toBeUndefined();
  expect(runner.executionIds).toEqual([]);
  expect(runner.events.map(({ type }) => type)).toEqual(['registered', 'started', 'ended']);
  expect(runner.events[2]).toMatchObject({ outcome: 'COMPLETE', failure: undefined });
});

test.each([
  [
    'an error',
    () => new Error('no disk'),
    { stageState: 0, failure: { message: 'no disk', reason: 'EXECUTOR_FAILURE' } },
  ],
  [
    'an error without words',
    () => Object.assign(new Error('x'), { message: undefined }),
    { stageState: 0, failure: { message: 'undefined' } },
  ],
  ['something else', () => 'no disk', { stageState: 0, failure: { message: 'no disk' } }],
  [
    'a verdict',
    () => new Verdict('cannot work', { reason: 'BAD_ARGS' }),
    { stageState: StageState.FINAL, failure: { message: 'cannot work', reason: 'BAD_ARGS' } },
  ],
])('SYNC: a handler that throws %s has failed', async (_, thrown, expected) => {
  const server = await new FakeServer().start();
  const handler = () => {
    throw thrown();
  };
  const runner = await start({ mode: 'serve', server: server.address }, handler);
  expect(await caller(runner.address).call(run, execution('e1'), soon())).toMatchObject(expected);
});

test.each([
  ['nothing', undefined, { stageState: StageState.FINAL, checkUpdates: [] }],
  [
    'a failure',
    { failure: { message: 'no' } },
    { stageState: 0, failure: { message: 'no', reason: 'EXECUTOR_FAILURE' } },
  ],
  [
    'a failure that is not to be retried',
    { failure: { message: 'no', reason: 'R', retry: false } },
    { stageState: StageState.FINAL, failure: { message: 'no', reason: 'R' } },
  ],
  [
    'values that JSON lacks',
    { details: { when: new Date(0), gone: undefined } },
    { details: { when: '1970-01-01T00:00:00.000Z' } },
  ],
  ['details that are none', { details: [1] }, { stageState: 0, failure: { message: 'details: not a JSON object' } }],
  ['numbers without end', { details: { n: 1n } }, { failure: { message: expect.stringMatching(/BigInt/u) } }],
  ['a long message', { failure: { message: 'ü'.repeat(100_000) } }, { failure: { message: `${'ü'.repeat(20_000)}…` } }],
])('SYNC: a handler may answer %s', async (_, answer, expected) => {
  const server = await new FakeServer().start();
  const runner = await start({ mode: 'serve', server: server.address }, async () => answer as object);
  const response = await caller(runner.address).call(run, execution('e1'), soon());
  expect(response).toMatchObject(expected);
  if ('details' in expected) expect(response.details).toEqual(expected.details);
});

test('SYNC: a call that is cut aborts the signal, and so does its deadline', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address, maxConcurrent: 2 }, handler);
  const client = caller(runner.address);
  const cut = new AbortController();
  const lost = refusal(client.call(run, execution('lost'), { ...soon(), signal: cut.signal }));
  const late = refusal(client.call(run, execution('late'), { deadline: Date.now() + 1_000 }));
  const first = await of('lost');
  cut.abort();
  expect(await stopCause(first.context)).toMatchObject({ name: 'ExecutionStopped', stopCause: 'LOST' });
  first.fail(first.context.signal.reason);
  expect((await lost).code).toBe('CANCELLED');
  const second = await of('late');
  expect(await stopCause(second.context)).toMatchObject({ stopCause: 'DEADLINE' });
  expect((await late).code).toBe('DEADLINE_EXCEEDED');
  second.fail(second.context.signal.reason);
  await waitFor('both to be over', () => runner.executionIds.length === 0);
});

test('Cancel aborts the signal, and an answer all the same still counts', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address, maxConcurrent: 2 }, handler);
  const client = caller(runner.address);
  const [kept, dropped] = [client.call(run, execution('kept'), soon()), client.call(run, execution('dropped'), soon())];
  const first = await of('kept');
  const second = await of('dropped');
  expect(await client.call(cancel, { executionId: 'kept', reason: 'not needed' })).toMatchObject({ accepted: true });
  expect(await client.call(cancel, { executionId: 'dropped' })).toMatchObject({ accepted: true });
  expect(await client.call(cancel, { executionId: 'unknown' })).toMatchObject({ accepted: false });
  expect(await stopCause(first.context)).toMatchObject({
    stopCause: 'CANCELLED',
    message: 'the stage was cancelled: not needed',
  });
  first.answer({ details: { done: true } });
  expect(await kept).toMatchObject({ stageState: StageState.FINAL, details: { done: true } });
  second.fail(new DOMException('This operation was aborted', 'AbortError'));
  expect(await dropped).toMatchObject({ failure: { message: 'the stage was cancelled', reason: 'CANCELLED' } });
});

test('types and modes that the runner does not have are declined', async () => {
  const server = await new FakeServer().start();
  const runner = await start({ mode: 'serve', server: server.address, accepts: ['ASYNC'], maxConcurrent: 0 });
  const client = caller(runner.address);
  expect((await refusal(client.call(run, execution('e1'), soon()))).code).toBe('UNIMPLEMENTED');
  expect(await client.call(runAsync, execution('e2', { runnerType: 'toString' }))).toMatchObject({ accepted: false });
  expect(await client.call(runAsync, execution('e3', { runnerType: '' }))).toMatchObject({ accepted: true });
  expect((await client.call(ping, {})).availableCapacity).toBe(2 ** 31 - 1);
});

test('an execution that is delivered again does not run again', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  const runner = await start({ mode: 'serve', server: server.address }, handler);
  const client = caller(runner.address);
  const cut = new AbortController();
  const gone = refusal(client.call(run, execution('e1'), { ...soon(), signal: cut.signal }));
  const { answer, context } = await of('e1');
  const again = client.call(run, execution('e1'), soon());
  expect(await client.call(runAsync, execution('e1'))).toMatchObject({ accepted: true });
  cut.abort();
  await gone;
  expect((await client.call(ping, {})).availableCapacity).toBe(0);
  expect(context.signal.aborted).toBe(false);
  answer({ details: { once: true } });
  expect(await again).toMatchObject({ details: { once: true } });
  expect(calls).toHaveLength(1);
});

test('ASYNC: an update at once, progress in order, then the answer, all to the callback address', async () => {
  const [home, callback] = [await new FakeServer().start(), await new FakeServer().start()];
  const runner = await start({ mode: 'serve', server: home.address }, async (_, { progress }) => {
    progress('compiling', { percent: 20.4 });
    progress('linking', { percent: 900, details: { files: 3 } });
    progress('odd', { percent: Number.NaN });
    return { details: { ok: true } };
  });
  const request = { ...execution('e1'), callbackAddress: callback.address };
  expect(await caller(runner.address).call(runAsync, request)).toMatchObject({
    accepted: true,
    runnerExecutionId: 'e1',
  });
  const [complete] = await callback.received('complete');
  expect(complete).toMatchObject({ executionId: 'e1', stageState: StageState.FINAL, details: { ok: true } });
  expect(callback.requests('update')).toMatchObject([
    { executionId: 'e1', message: '' },
    { executionId: 'e1', message: 'compiling', progressPercent: 20 },
    { message: 'linking', progressPercent: 100, details: { files: 3 } },
    { message: 'odd', progressPercent: 0 },
  ]);
  expect(home.calls.map(({ name }) => name)).toEqual(['register']);
  await waitFor('the execution to be over', () => runner.executionIds.length === 0);
});

test.each([
  ['one that nobody can call', '0.0.0.0:1', undefined],
  ['none', '', undefined],
  ['one that the options replace', 'nowhere.invalid:1', 'server'],
])('ASYNC: of callback addresses, %s', async (_, callbackAddress, replaced) => {
  const server = await new FakeServer().start();
  const over = replaced === undefined ? {} : { callbackAddress: server.address };
  const runner = await start({ mode: 'serve', server: server.address, ...over });
  await caller(runner.address).call(runAsync, { ...execution('e1'), callbackAddress });
  expect(await server.received('complete')).toMatchObject([{ executionId: 'e1' }]);
});

test('ASYNC: the runner says that an execution has begun although its handler has nothing to say', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address }, handler);
  await caller(runner.address).call(runAsync, { ...execution('e1'), callbackAddress: server.address });
  const [update] = await server.received('update');
  expect(update).toMatchObject({ executionId: 'e1', message: '', progressPercent: 0 });
  (await of('e1')).answer({});
  await server.received('complete');
  expect(server.requests('update')).toHaveLength(1);
});

test('SYNC: beats come in time if the server asks for them', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address, maxConcurrent: 2 }, handler);
  const client = caller(runner.address);
  const silent = client.call(run, execution('silent'), soon());
  const beating = client.call(run, execution('beating', { heartbeatTimeout: durationFromMs(300) }), soon());
  const updates = await server.received('update', 5);
  expect(new Set(updates.map(({ executionId }) => executionId))).toEqual(new Set(['beating']));
  (await of('silent')).answer({});
  (await of('beating')).answer({});
  await Promise.all([silent, beating]);
});

test('a stopped runner is gone: its port, its connections, its registration', async () => {
  const server = await new FakeServer().start();
  const runner = await start({ mode: 'serve', server: server.address });
  const client = caller(runner.address);
  await client.call(ping, {});
  await within('the stop', runner.stop());
  expect((await refusal(client.call(ping, {}, { deadline: Date.now() + 5_000 }))).code).toBe('UNAVAILABLE');
  expect(server.requests('unregister')).toMatchObject([{ registrationId: 't-1' }]);
});

test('a port that is taken ends the start', async () => {
  const server = await new FakeServer().start();
  const runner = await start({ mode: 'serve', server: server.address });
  const taken = start({ mode: 'serve', server: server.address, listen: runner.address });
  await expect(taken).rejects.toThrow(`cannot listen on ${runner.address}: listen EADDRINUSE`);
});
