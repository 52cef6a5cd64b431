import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { caller, execution, FakeServer, never } from './fake-server.ts';
import { held, hurried, start, stopCause } from './runners.ts';

const { run, runAsync, ping } = StageRunner.method;

test('a runner that stops unregisters, takes nothing more, and lets executions end', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'serve', server: server.address, maxConcurrent: 5 }, handler);
  const client = caller(runner.address);
  const sync = client.call(run, execution('sync'), { deadline: Date.now() + 20_000 });
  await client.call(runAsync, { ...execution('async'), callbackAddress: server.address });
  const [first, second] = [await of('sync'), await of('async')];
  const stopped = runner.stop();
  await server.received('unregister');
  expect((await client.call(ping, {})).availableCapacity).toBe(0);
  expect((await refusal(client.call(run, execution('late'), { deadline: Date.now() + 5_000 }))).code).toBe(
    'RESOURCE_EXHAUSTED',
  );
  expect(await client.call(runAsync, execution('later'))).toMatchObject({ accepted: false });
  first.answer({ details: { n: 1 } });
  second.answer({ details: { n: 2 } });
  expect(await sync).toMatchObject({ details: { n: 1 } });
  await within('the stop', stopped);
  expect(server.requests('complete')).toMatchObject([{ executionId: 'async', details: { n: 2 } }]);
  expect(first.context.signal.aborted).toBe(false);
});

test('a pulling runner that stops asks no more; after the grace it aborts and reports what is left', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'pull', server: server.address, maxConcurrent: 2 }, handler);
  server.offer(execution('e1'));
  const { context } = await of('e1');
  await server.received('acquire', 2);
  await within('the stop', runner.stop({ graceMs: 100 }));
  expect(await stopCause(context)).toMatchObject({ stopCause: 'STOPPING', message: 'the runner stops' });
  expect(server.requests('complete')).toMatchObject([
    { executionId: 'e1', stageState: 0, failure: { message: 'the runner stops', reason: 'RUNNER_STOPPED' } },
  ]);
  expect(server.requests('acquire')).toHaveLength(2);
});

test('an answer after the grace still counts; a handler that does not end is given up', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const handlers = {
    t: handler,
    deaf: () => never,
    quick: async (_: unknown, { signal }: { signal: AbortSignal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { details: { saved: true } };
    },
  };
  const options = { maxConcurrent: 3, handlers, system: hurried(20) };
  const runner = await start({ mode: 'pull', server: server.address, ...options });
  server.offer(execution('e1'), execution('deaf', { runnerType: 'deaf' }), execution('quick', { runnerType: 'quick' }));
  await of('e1');
  await waitFor('all to run', () => runner.executionIds.length === 3);
  await within('the stop', runner.stop({ graceMs: 0 }));
  const completes = server.requests('complete');
  expect(completes.find(({ executionId }) => executionId === 'quick')).toMatchObject({ details: { saved: true } });
  expect(completes.find(({ executionId }) => executionId === 'deaf')).toMatchObject({
    failure: { message: 'the runner stops: the handler did not end when told to', reason: 'RUNNER_STOPPED' },
  });
  expect(completes).toHaveLength(3);
});

test('stop is idempotent, and a repeated one shortens the grace', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'pull', server: server.address }, handler);
  server.offer(execution('e1'));
  const { context } = await of('e1');
  const first = runner.stop({ graceMs: 3_600_000 });
  await server.received('unregister');
  expect(context.signal.aborted).toBe(false);
  await within('the stop', Promise.all([first, runner.stop({ graceMs: 0 })]));
  expect(context.signal.aborted).toBe(true);
  await runner.stop();
  expect(server.requests('unregister')).toHaveLength(1);
});

test('a runner stops also when the server is away', async () => {
  const server = await new FakeServer().start();
  const { handler, of } = held();
  const runner = await start({ mode: 'pull', server: server.address, system: hurried(20) }, handler);
  server.offer(execution('e1'));
  await of('e1');
  server.kill();
  await within('the stop', runner.stop({ graceMs: 0 }));
  expect(runner.executionIds).toEqual([]);
  expect(runner.events.at(-1)).toMatchObject({ type: 'ended', outcome: 'DISCARDED' });
});

test.each(['serve', 'pull'] as const)('a process ends by itself once its runner (%s) has stopped', async (mode) => {
  const server = await new FakeServer().start();
  const script = fileURLToPath(new URL('stopping-runner.ts', import.meta.url));
  const child = spawn(process.execPath, [script, server.address, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (mode === 'pull') server.offer(execution('e1'));
  else {
    const [address] = await once(child.stdout, 'data');
    await caller(String(address).trim()).call(run, execution('e1'), { deadline: Date.now() + 20_000 });
  }
  await server.received('unregister');
  expect(await within('its end', once(child, 'exit'))).toEqual([0, null]);
});
