import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { StageState } from '../../gen/turboci/v1/common_pb.js';
import { RunRequestSchema, StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { TestClient } from '../support/client.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { RunnerProcess } from './harness/runner-process.ts';
import { spans } from './harness/work-log.ts';
import { type ActInit, argsOf } from './runner/act.ts';
import type { RunnerInit } from './runner/options.ts';

const { method } = StageRunner;

/** A runner that nobody but the test calls. */
async function alone(options: Partial<RunnerInit> = {}) {
  const log = join(await scratchFolder(), 'runner.log');
  const unregistered = { orchestrator: '127.0.0.1:1', runnerId: 'r', runnerTypes: ['t'], registers: false };
  const runner = await RunnerProcess.start({ ...unregistered, log, ...options });
  const client = new TestClient(runner.address);
  onTestFinished(() => client.close());
  return { runner, client };
}

function request(executionId: string, ...acts: readonly ActInit[]): MessageInitShape<typeof RunRequestSchema> {
  return create(RunRequestSchema, { executionId, workPlanId: 'p', stageId: 's', attemptIdx: 1, args: argsOf(...acts) });
}

test('the scripted runner answers a Run as the args say, and notes when it worked', async () => {
  const { runner, client } = await alone();
  expect((await client.call(method.run, request('1'))).failure).toBeUndefined();
  expect(await client.call(method.run, request('2', { do: 'verdict' }))).toMatchObject({
    stageState: StageState.FINAL,
    failure: { reason: 'VERDICT' },
  });
  expect((await refusal(client.call(method.run, request('3', { do: 'error' })))).code).toBe('INTERNAL');
  expect(spans(runner).map(({ executionId }) => executionId)).toEqual(['1', '2', '3']);
  expect(runner.seen('start')[0]).toMatchObject({ kind: 'RUN', plan: 'p', stage: 's', idx: 1 });
});

test('the scripted runner holds work until it is released or cancelled, and refuses to begin when told so', async () => {
  const { runner, client } = await alone();
  const held = client.call(method.run, request('1', { hold: true }));
  const stopped = client.call(method.run, request('2', { hold: true }));
  await runner.until('start', 's', 2);
  expect(await client.call(method.cancel, { executionId: '2', reason: 'enough' })).toMatchObject({ accepted: true });
  expect((await stopped).failure?.reason).toBe('CANCELLED');
  expect(runner.seen('end')).toHaveLength(1);
  await runner.release('s');
  expect((await held).failure).toBeUndefined();
  await runner.refuse('RESOURCE_EXHAUSTED');
  const code = async () => (await refusal(client.call(method.run, request('3')))).code;
  expect(await code()).toBe('RESOURCE_EXHAUSTED');
  expect(runner.seen('refuse')).toHaveLength(1);
});

test('the scripted runner dies when it is told to', async () => {
  const { runner, client } = await alone();
  expect((await refusal(client.call(method.run, request('1', { do: 'die' })))).code).toBe('UNAVAILABLE');
  expect(spans(runner)).toMatchObject([{ executionId: '1', to: Number.POSITIVE_INFINITY }]);
});
