import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { StageState } from '../../gen/turboci/v1/common_pb.js';
import { StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { machine } from '../../src/runner/system.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { caller, execution, FakeServer, never, Refusal } from './fake-server.ts';
import { held, hurried, start } from './runners.ts';
import { SilentProxy } from './silent-proxy.ts';

test('an answer and the progress before it survive a restart of the server', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1'));
  await server.received('update');
  const { answer, context } = await of('e1');
  server.kill();
  context.progress('while you were away', { percent: 50 });
  answer({ details: { n: 1 } });
  await waitFor('the answer to be on its way', () => runner.events.some(({ type }) => type === 'problem'));
  expect(runner.executionIds).toEqual(['e1']);
  await server.start();
  expect(await server.received('complete')).toMatchObject([{ executionId: 'e1', details: { n: 1 } }]);
  await waitFor('the execution to be over', () => runner.executionIds.length === 0);
  server.offer(execution('e2'));
  (await of('e2')).answer({});
  await server.received('complete', 2);
});

test('the same for an ASYNC execution, and the runner is registered again', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address, ttlMs: 1_000 }, handler);
  await caller(runner.address).call(StageRunner.method.runAsync, {
    ...execution('e1'),
    callbackAddress: server.address,
  });
  const { answer } = await of('e1');
  server.kill();
  answer({});
  await waitFor('the outage to be noticed', () => runner.events.some(({ type }) => type === 'problem'));
  const before = server.requests('register').length;
  await server.start();
  await server.received('complete');
  await server.received('register', before + 1);
  await waitFor(
    'the end of the outage to be told',
    () => runner.events.filter(({ type }) => type === 'registered').length === 2,
  );
  expect(runner.events.filter((event) => event.type === 'problem' && event.message.includes('register'))).toHaveLength(
    1,
  );
});

test('an answer is brought in time to a server that comes back, however short its patience', async () => {
  const server = await new FakeServer().start();
  const waits: number[] = [];
  const system = {
    ...machine,
    after: (delayMs: number, fire: () => void) => {
      waits.push(delayMs);
      return machine.after(Math.min(delayMs, 20), fire);
    },
  };
  server.script.complete = () => {
    if (server.requests('complete').length < 12) throw new Refusal('UNAVAILABLE');
    return { acknowledged: true };
  };
  const { handler, of } = held();
  await start({ mode: 'pull', server: server.address, system, ttlMs: 600_000 }, handler);
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(1_500), deadline: undefined }));
  const { answer } = await of('e1');
  waits.length = 0;
  answer({});
  await server.received('complete', 12);
  // The wait for the renewal of the registration is another matter.
  expect(Math.max(...waits.filter((delayMs) => delayMs < 200_000))).toBeLessThanOrEqual(500);
});

test('the server hears of an execution until it has taken the answer', async () => {
  const server = await new FakeServer().start();
  let taken = false;
  server.script.complete = () => {
    if (!taken) throw new Refusal('UNAVAILABLE');
    return { acknowledged: true };
  };
  const runner = await start({ mode: 'pull', server: server.address });
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(300) }));
  await server.received('complete');
  const before = server.requests('update').length;
  await server.received('update', before + 3);
  taken = true;
  await waitFor('the execution to be over', () => runner.executionIds.length === 0);
  expect(runner.events.at(-1)).toMatchObject({ type: 'ended', outcome: 'COMPLETE' });
});

test.each(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'INTERNAL'] as const)(
  'an answer that ends in %s is sent again',
  async (code) => {
    const server = await new FakeServer().start();
    server.script.complete = () => {
      if (server.requests('complete').length < 3) throw new Refusal(code);
      return { acknowledged: true };
    };
    const runner = await start({ mode: 'pull', server: server.address });
    server.offer(execution('e1'));
    const completes = await server.received('complete', 3);
    expect(completes[2]).toEqual(completes[0]);
    await waitFor('its end', () =>
      runner.events.some((event) => event.type === 'ended' && event.outcome === 'COMPLETE'),
    );
  },
);

test.each([
  ['INVALID_ARGUMENT', 1],
  ['RESOURCE_EXHAUSTED', 8],
] as const)('an answer that the server finds wrong (%s) becomes a failure that says so', async (code, times) => {
  const server = await new FakeServer().start();
  server.script.complete = ({ checkUpdates }) => {
    if (checkUpdates.length > 0) throw new Refusal(code, 'check_updates[0].check_id: the plan has no check "c"');
    return { acknowledged: true };
  };
  const options = { mode: 'pull', server: server.address, system: hurried(50) } as const;
  const runner = await start(options, async () => ({ checks: [{ id: 'c' }] }));
  server.offer(execution('e1'));
  const completes = await server.received('complete', times + 1);
  const failure = {
    reason: 'RUNNER_ERROR',
    message: `the answer was refused: CompleteStageExecution: check_updates[0].check_id: the plan has no check "c" (${code})`,
  };
  expect(completes.at(-1)).toMatchObject({ stageState: StageState.UNKNOWN, checkUpdates: [], failure });
  await waitFor('its end', () => runner.events.some(({ type }) => type === 'ended'));
  expect(runner.events.at(-1)).toMatchObject({ type: 'ended', outcome: 'FAILED', failure });
});

test.each(['NOT_FOUND', 'FAILED_PRECONDITION'] as const)(
  'an answer that is refused with %s is given up',
  async (code) => {
    const server = await new FakeServer().start();
    server.script.complete = () => {
      throw new Refusal(code, 'the attempt has ended');
    };
    const runner = await start({ mode: 'pull', server: server.address });
    server.offer(execution('e1'));
    await waitFor('its end', () => runner.events.some(({ type }) => type === 'ended'));
    expect(runner.events.at(-1)).toMatchObject({ outcome: 'DISCARDED' });
    expect(server.requests('complete')).toHaveLength(1);
  },
);

test('a connection that has gone silent is given up, with all of its calls', { timeout: 30_000 }, async () => {
  const server = await new FakeServer().start();
  const proxy = await SilentProxy.start(server.address);
  const { handler, of } = held();
  const runner = await start({ mode: 'pull', server: proxy.address, maxConcurrent: 2 }, handler);
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(600) }));
  const { answer } = await of('e1');
  await server.received('acquire', 2);
  proxy.goSilent();
  const [updates, acquires] = [server.requests('update').length, server.requests('acquire').length];
  await server.received('update', updates + 2);
  await server.received('acquire', acquires + 1);
  answer({});
  await server.received('complete');
  await waitFor('the execution to be over', () => runner.executionIds.length === 0);
  expect(proxy.connections).toBe(2);
});

test('a connection on which something is answered is kept, however slow other answers are', async () => {
  const server = await new FakeServer().start();
  const proxy = await SilentProxy.start(server.address);
  const { handler, of } = held();
  await start({ mode: 'pull', server: proxy.address, maxConcurrent: 3 }, handler);
  server.offer(execution('slow', { heartbeatTimeout: durationFromMs(600) }));
  server.offer(execution('quick', { heartbeatTimeout: durationFromMs(600) }));
  await of('slow');
  await of('quick');
  server.script.update = ({ executionId }) => (executionId === 'slow' ? never : {});
  const slow = () => server.requests('update').filter(({ executionId }) => executionId === 'slow').length;
  const before = slow();
  await waitFor('calls to run out of time', () => slow() >= before + 4);
  expect(proxy.connections).toBe(1);
});

test('an answer is given up when its deadline is long past', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  let now = Date.now();
  const system = { ...hurried(10), now: () => now };
  const runner = await start({ mode: 'pull', server: server.address, system }, handler);
  server.offer(execution('e1'));
  const { answer } = await of('e1');
  await server.received('update');
  server.kill();
  answer({});
  await waitFor('the first try', () => runner.events.some(({ type }) => type === 'problem'));
  now += 130_000;
  await within(
    'its end',
    waitFor('its end', () => runner.events.some((event) => event.type === 'ended' && event.outcome === 'DISCARDED')),
  );
});
