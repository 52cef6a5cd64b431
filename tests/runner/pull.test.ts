import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ExecutionMode, StageState } from '../../gen/turboci/v1/common_pb.js';
import { startRunner } from '../../src/runner/start-runner.ts';
import { machine } from '../../src/runner/system.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { execution, FakeServer, never, Refusal } from './fake-server.ts';
import { held, hurried, start, stopCause } from './runners.ts';

test('a pulling runner has no address, asks for its types and free slots, says what it has, and reports', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({
    mode: 'pull',
    server: server.address,
    maxConcurrent: 3,
    handlers: { t: handler, u: handler },
  });
  expect(runner.address).toBe('');
  expect(server.requests('register')).toMatchObject([
    { address: '', runnerType: 't', supportedModes: [ExecutionMode.SYNC, ExecutionMode.ASYNC] },
    { address: '', runnerType: 'u' },
  ]);
  const [first] = await server.received('acquire');
  expect(first).toMatchObject({
    runnerId: runner.id,
    runnerTypes: ['t', 'u'],
    maxExecutions: 3,
    wait: { seconds: 30n },
    heldExecutionIds: [],
  });
  server.offer(execution('e1'), execution('e2', { runnerType: 'u' }));
  expect((await of('e2')).task.runnerType).toBe('u');
  const [, second] = await server.received('acquire', 2);
  expect(second).toMatchObject({ maxExecutions: 1, heldExecutionIds: ['e1', 'e2'] });
  const updates = await server.received('update', 2);
  expect(updates.map(({ executionId }) => executionId).sort()).toEqual(['e1', 'e2']);
  (await of('e1')).answer({ details: { n: 1 } });
  expect(await server.received('complete')).toMatchObject([
    { executionId: 'e1', stageState: StageState.FINAL, details: { n: 1 } },
  ]);
  await waitFor('e1 to be over', () => runner.executionIds.join() === 'e2');
  expect(runner.events.map(({ type }) => type)).toEqual(['registered', 'started', 'started', 'ended']);
});

test('a full runner does not ask, and asks at once when a slot gets free', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  await start({ mode: 'pull', server: server.address, maxConcurrent: 2 }, handler);
  server.offer(execution('e1'), execution('e2'), execution('e3'), execution('e4'));
  await of('e2');
  await server.received('update', 2);
  expect(server.requests('acquire').map(({ maxExecutions }) => maxExecutions)).toEqual([2]);
  (await of('e1')).answer({});
  await of('e3');
  (await of('e3')).answer({});
  (await of('e2')).answer({});
  await of('e4');
  expect(calls.map(({ task }) => task.executionId)).toEqual(['e1', 'e2', 'e3', 'e4']);
  expect(server.requests('acquire').every(({ maxExecutions }) => maxExecutions <= 2)).toBe(true);
});

test('without a limit a runner asks for as many as the server may hand out at a time', async () => {
  const server = await new FakeServer().start();
  await start({ mode: 'pull', server: server.address, maxConcurrent: 0 });
  const all = Array.from({ length: 250 }, (_, at) => execution(`e${at}`));
  server.offer(...all);
  const completes = await server.received('complete', 250);
  expect(new Set(completes.map(({ executionId }) => executionId)).size).toBe(250);
  expect(server.requests('acquire').every(({ maxExecutions }) => maxExecutions === 100)).toBe(true);
});

test('an execution that is handed out again does not run again', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  await start({ mode: 'pull', server: server.address, maxConcurrent: 3 }, handler);
  server.offer(execution('e1'));
  await of('e1');
  server.offer(execution('e1'), execution('e2'));
  await of('e2');
  expect(calls.map(({ task }) => task.executionId)).toEqual(['e1', 'e2']);
});

test('a pulled execution begins when the server has answered that it may, and counts as held from before', async () => {
  const server = await new FakeServer().start();
  let allow = (): void => {};
  const allowed = new Promise<object>((resolve) => {
    allow = () => resolve({});
  });
  server.script.update = ({ executionId }) => (executionId === 'e1' ? allowed : {});
  const { handler, of, calls } = held();
  const runner = await start({ mode: 'pull', server: server.address, maxConcurrent: 2 }, handler);
  server.offer(execution('e1'));
  const [, second] = await server.received('acquire', 2);
  expect(second).toMatchObject({ maxExecutions: 1, heldExecutionIds: ['e1'] });
  server.offer(execution('e2'));
  await of('e2');
  await server.received('update', 2);
  expect(calls.map(({ task }) => task.executionId)).toEqual(['e2']);
  expect(runner.executionIds).toEqual(['e1', 'e2']);
  allow();
  await of('e1');
  expect(runner.events.filter(({ type }) => type === 'started')).toHaveLength(2);
});

test('a pulled execution waits with its start for a server that is away', async () => {
  const server = await new FakeServer().start();
  const { handler, of, calls } = held();
  server.script.update = () => {
    expect(calls).toEqual([]);
    if (server.requests('update').length < 4) throw new Refusal('UNAVAILABLE');
    return {};
  };
  await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1'));
  await of('e1');
  expect(server.requests('update')).toHaveLength(4);
});

test.each(['NOT_FOUND', 'FAILED_PRECONDITION'] as const)(
  'a pulled execution that somebody else has by now (%s) is never begun, and not spoken of',
  async (code) => {
    const server = await new FakeServer().start();
    server.script.update = ({ executionId }) => {
      if (executionId === 'theirs') throw new Refusal(code, 'somebody else has it');
      return {};
    };
    const { handler, of, calls } = held();
    const runner = await start({ mode: 'pull', server: server.address }, handler);
    server.offer(execution('theirs'), execution('ours'));
    (await of('ours')).answer({});
    expect(await server.received('complete')).toMatchObject([{ executionId: 'ours' }]);
    await waitFor('its end', () => runner.executionIds.length === 0);
    expect(calls.map(({ task }) => task.executionId)).toEqual(['ours']);
    expect(runner.events.map(({ type }) => type)).toEqual(['registered', 'started', 'ended']);
  },
);

test('a pulled execution that was cancelled before it began is not begun, and says so', async () => {
  const server = await new FakeServer({ update: () => ({ cancelRequested: true }) }).start();
  const { handler, calls } = held();
  await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1'));
  expect(await server.received('complete')).toMatchObject([
    { stageState: 0, failure: { message: 'the stage was cancelled', reason: 'CANCELLED' } },
  ]);
  expect(calls).toEqual([]);
});

test('a server that has forgotten the runner is told again, at once', async () => {
  let isKnown = false;
  const server = await new FakeServer().start();
  const { acquire } = server.script;
  server.script.register = (request) => {
    isKnown = server.requests('register').length > 1;
    return server.registered(request);
  };
  server.script.acquire = (request, signal) => {
    if (!isKnown) throw new Refusal('NOT_FOUND', 'no such runner');
    return acquire(request, signal);
  };
  await start({ mode: 'pull', server: server.address });
  server.offer(execution('e1'));
  await server.received('complete');
  expect(server.requests('register')).toHaveLength(2);
});

test('a server that answers at once that there is nothing is not asked again at once', async () => {
  const waits: number[] = [];
  const system = {
    ...machine,
    after: (delayMs: number, fire: () => void) => {
      waits.push(delayMs);
      return machine.after(delayMs / 100, fire);
    },
  };
  const server = await new FakeServer({ acquire: () => ({ executions: [] }) }).start();
  await start({ mode: 'pull', server: server.address, system, ttlMs: 600_000 });
  await server.received('acquire', 10);
  const pauses = waits.filter((delayMs) => delayMs < 200_000);
  expect(pauses.length).toBeGreaterThanOrEqual(9);
  expect(Math.max(...pauses)).toBeGreaterThanOrEqual(2_500);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(5_000);
});

test('beats tell of a cancellation also when the server asks for none', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address, system: hurried(20) }, handler);
  server.offer(execution('e1'));
  const { context, fail } = await of('e1');
  await server.received('update', 2);
  server.script.update = () => ({ cancelRequested: true });
  expect(await stopCause(context)).toMatchObject({ stopCause: 'CANCELLED' });
  fail(new Error('gave up'));
  expect(await server.received('complete')).toMatchObject([
    { failure: { message: 'the stage was cancelled: gave up', reason: 'CANCELLED' }, stageState: 0 },
  ]);
});

test.each(['NOT_FOUND', 'FAILED_PRECONDITION'] as const)(
  'an update that is refused with %s aborts the signal, and the answer is thrown away',
  async (code) => {
    const server = await new FakeServer().start();
    const { handler, of } = held();
    const runner = await start({ mode: 'pull', server: server.address, maxConcurrent: 2 }, handler);
    server.script.update = ({ executionId }) => {
      const isFirst = server.requests('update').filter((request) => request.executionId === executionId).length === 1;
      if (executionId === 'lost' && !isFirst) throw new Refusal(code, 'somebody else has it');
      return {};
    };
    server.offer(execution('lost'), execution('kept'));
    const { context, answer } = await of('lost');
    context.progress('still here');
    expect(await stopCause(context)).toMatchObject({
      stopCause: 'LOST',
      message: expect.stringContaining('somebody else has it'),
    });
    answer({});
    await waitFor('it to be over', () => runner.executionIds.join() === 'kept');
    expect(runner.events.at(-1)).toMatchObject({ type: 'ended', outcome: 'DISCARDED' });
    (await of('kept')).answer({});
    expect(await server.received('complete')).toMatchObject([{ executionId: 'kept' }]);
  },
);

test('a deadline aborts the signal, by the clock of a server that is hours ahead', async () => {
  const aheadMs = 5 * 3_600_000;
  const server = await new FakeServer().start();
  server.script.register = (request) => server.registered(request, aheadMs);
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address, maxConcurrent: 2 }, handler);
  const at = (ms: number) => ({ deadline: timestampFromMs(Date.now() + aheadMs + ms) });
  server.offer(execution('short', at(1_000)), execution('long', at(60_000)));
  const short = await of('short');
  expect(await stopCause(short.context)).toMatchObject({ stopCause: 'DEADLINE' });
  expect((await of('long')).context.signal.aborted).toBe(false);
  short.fail(short.context.signal.reason);
  expect(await server.received('complete')).toMatchObject([
    { executionId: 'short', failure: { reason: 'TIMEOUT', message: 'the attempt has run into its timeout' } },
  ]);
});

test('a machine whose clock is set ends nothing before its time', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address }, handler);
  const deadline = timestampFromMs(Date.now() + 60_000);
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  vi.setSystemTime(Date.now() + 3_600_000);
  server.offer(execution('e1', { deadline }));
  const { context, answer } = await of('e1');
  context.progress('still here');
  await server.received('update', 2);
  expect(context.signal.aborted).toBe(false);
  answer({});
  expect(await server.received('complete')).toMatchObject([{ stageState: StageState.FINAL }]);
});

test('a deadline that has passed by a clock that is behind does no harm', async () => {
  const server = await new FakeServer().start();
  server.script.register = (request) => server.registered(request, -3_600_000);
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1', { deadline: timestampFromMs(Date.now() - 3_540_000) }));
  const { context, answer } = await of('e1');
  expect(context.signal.aborted).toBe(false);
  answer({});
  await server.received('complete');
});

test('nodes are written in the name of the attempt, once, also over an outage', async () => {
  const server = await new FakeServer().start();
  server.script.writeNodes = () => {
    if (server.requests('writeNodes').length < 3) throw new Refusal('UNAVAILABLE');
    return { revision: 7n };
  };
  await start({ mode: 'pull', server: server.address }, async (_, { writeNodes }) => {
    const { revision } = await writeNodes({
      stages: [{ id: 'child', runnerType: 't', args: { n: 1 } }],
      reason: 'sharding',
    });
    return { details: { revision: Number(revision) } };
  });
  server.offer(execution('e1', { attemptIdx: 4 }));
  expect(await server.received('complete')).toMatchObject([{ details: { revision: 7 } }]);
  const writes = server.requests('writeNodes');
  expect(writes).toHaveLength(3);
  expect(new Set(writes.map(({ requestId }) => requestId)).size).toBe(1);
  expect(writes[0]).toMatchObject({
    workPlanId: 'plan',
    reason: 'sharding',
    stages: [{ id: 'child', runnerType: 't', args: { n: 1 } }],
    attempt: { stageId: 'stage-e1', attemptIdx: 4, processUid: 'e1' },
  });
});

test('nodes that are refused are an error of the handler', async () => {
  const server = await new FakeServer().start();
  server.script.writeNodes = () => {
    throw new Refusal('INVALID_ARGUMENT', 'stages[0].id: empty');
  };
  await start({ mode: 'pull', server: server.address }, async (_, { writeNodes }) => {
    await writeNodes({ stages: [{}] });
  });
  server.offer(execution('e1'));
  expect(await server.received('complete')).toMatchObject([
    { failure: { message: 'WriteNodes: stages[0].id: empty (INVALID_ARGUMENT)' } },
  ]);
});

test('progress that the server refuses is dropped, and what comes after it is not', async () => {
  const server = await new FakeServer().start();
  server.script.update = ({ message }) => {
    if (message === 'bad') throw new Refusal('INVALID_ARGUMENT');
    if (message === 'unlucky') throw new Refusal('RESOURCE_EXHAUSTED');
    return {};
  };
  const runner = await start({ mode: 'pull', server: server.address }, async (_, { progress }) => {
    progress('bad');
    progress('unlucky');
    progress('cyclic', { details: cyclic() });
    progress('good');
  });
  server.offer(execution('e1'));
  await server.received('complete');
  const [, ...messages] = server.requests('update').map(({ message }) => message);
  expect(messages).toEqual(['bad', 'unlucky', 'unlucky', 'unlucky', 'good']);
  expect(runner.events.filter(({ type }) => type === 'problem')).toHaveLength(3);
});

function cyclic(): Record<string, never> {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object as Record<string, never>;
}

test('a start waits for its server, and is given up with its signal', async () => {
  const server = await new FakeServer().start();
  server.kill();
  const giveUp = new AbortController();
  const waiting = within('the start', start({ mode: 'pull', server: server.address, signal: giveUp.signal }));
  const started = within('the start', start({ mode: 'pull', server: server.address }));
  giveUp.abort(new Error('no longer wanted'));
  await expect(waiting).rejects.toThrow('no longer wanted');
  await server.start();
  await started;
});

test('a registration that the server refuses for one of the types ends the start, and the others with it', async () => {
  const server = await new FakeServer().start();
  server.script.register = (request) => {
    if (request.runnerType === 'bad') throw new Refusal('INVALID_ARGUMENT', 'no such type');
    return server.registered(request);
  };
  const handler = async () => {};
  await expect(
    start({ mode: 'pull', server: server.address, handlers: { good: handler, bad: handler } }),
  ).rejects.toThrow('no such type');
  expect(server.requests('unregister')).toHaveLength(1);
});

test.each([
  ['no type', { handlers: {} }],
  ['less than no slots', { maxConcurrent: -1 }],
  ['slots that are no number', { maxConcurrent: Number.NaN }],
  ['a part of a slot', { maxConcurrent: 1.5 }],
  ['slots without end', { maxConcurrent: Number.POSITIVE_INFINITY }],
  ['more slots than can be said', { maxConcurrent: 2 ** 31 }],
  ['no time to live', { ttlMs: 0 }],
  ['more than a day to live', { ttlMs: 86_400_001 }],
  ['eternal life', { ttlMs: Number.POSITIVE_INFINITY }],
])('%s cannot be asked for', async (_, options) => {
  const server = await new FakeServer().start();
  await expect(start({ mode: 'pull', server: server.address, ...options })).rejects.toThrow(RangeError);
  expect(server.calls).toEqual([]);
});

test('a registration that the server refuses ends the start', async () => {
  const register = (): never => {
    throw new Refusal('INVALID_ARGUMENT', 'runner_type: builtin/ is kept for the server');
  };
  const server = await new FakeServer({ register, acquire: () => never }).start();
  const refused = startRunner({ mode: 'pull', server: server.address, handlers: { 'builtin/x': async () => ({}) } });
  await expect(refused).rejects.toThrow(/builtin\/ is kept for the server \(INVALID_ARGUMENT\)/u);
  expect(server.requests('acquire')).toEqual([]);
});

test('beats follow the heartbeat timeout', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(300) }));
  await server.received('update', 6);
  (await of('e1')).answer({});
  await server.received('complete');
});
