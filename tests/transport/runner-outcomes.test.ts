import { join } from 'node:path';
import { status as grpcStatus, Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { CheckState, StageState } from '../../gen/turboci/v1/common_pb.js';
import type { CancelRequest, RunAsyncRequest, RunRequest } from '../../gen/turboci/v1/stagerunner_pb.js';
import { systemClock } from '../../src/platform/clock.ts';
import { manualClock } from '../support/manual-clock.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { runnerCalls, task, watched } from './harness/calls.ts';
import { startRunner } from './harness/grpc-runner.ts';

const clock = systemClock();
const never = new Promise<never>(() => {});

const full = {
  args: { image: 'node', list: [1, { deep: null }] },
  assignedCheckIds: ['unit', 'lint'],
  checkOptions: [
    { checkId: 'unit', kind: 'test', options: { shard: 2 } },
    { checkId: 'lint', kind: '', options: {} },
  ],
  metadata: { commit: 'abc' },
  heartbeatTimeoutMs: 1500,
};

test('Run carries the whole task, its deadline also as that of the call, and brings the answer', async () => {
  const seen: { request: RunRequest; deadline: number }[] = [];
  const runner = await startRunner({
    run: (call) => {
      seen.push({ request: call.request, deadline: Number(call.getDeadline()) });
      return {
        stageState: StageState.AWAITING_GROUP,
        checkUpdates: [
          { checkId: 'unit', state: CheckState.FINAL, resultData: { passed: 7 }, finalize: true },
          { checkId: 'lint', failure: { message: 'no', reason: 'LINT', occurredAt: { seconds: 3n } } },
        ],
        failure: { message: 'half of it' },
        details: { log: 'x' },
      };
    },
  });
  const given = task(clock, full);
  const options = watched();
  expect(await runnerCalls().run(runner.address, given, options)).toEqual({
    kind: 'ANSWERED',
    answer: {
      stageState: 'AWAITING_GROUP',
      checkUpdates: [
        { checkId: 'unit', state: 'FINAL', data: { passed: 7 }, finalize: true, failure: undefined },
        {
          ...{ checkId: 'lint', state: undefined, data: undefined, finalize: false },
          failure: { message: 'no', reason: 'LINT', occurredAt: 3000 },
        },
      ],
      failure: { message: 'half of it', reason: '', occurredAt: undefined },
      details: { log: 'x' },
    },
  });
  expect(options.sent()).toBe(1);
  expect(seen[0]?.request).toMatchObject({
    ...{ executionId: 'execution-1', workPlanId: 'plan', stageId: 'build', attemptIdx: 1, runnerType: 'docker' },
    ...{ assignedCheckIds: ['unit', 'lint'], args: full.args, metadata: { commit: 'abc' } },
    checkOptions: [
      { checkId: 'unit', kind: 'test', options: { shard: 2 } },
      { checkId: 'lint', kind: '', options: {} },
    ],
    deadline: { seconds: BigInt(Math.floor(given.deadline / 1000)), nanos: (given.deadline % 1000) * 1_000_000 },
    heartbeatTimeout: { seconds: 1n, nanos: 500_000_000 },
  });
  expect(Math.abs((seen[0]?.deadline ?? 0) - given.deadline)).toBeLessThan(5000);
});

test('nothing of a task is left unset because it is empty', async () => {
  const seen: RunRequest[] = [];
  const runner = await startRunner({
    run: (call) => {
      seen.push(call.request);
      return {};
    },
  });
  const outcome = await runnerCalls().run(runner.address, task(clock), watched());
  expect(outcome).toMatchObject({ kind: 'ANSWERED', answer: { checkUpdates: [] } });
  expect(seen[0]).toMatchObject({
    args: {},
    checkOptions: [],
    metadata: {},
    heartbeatTimeout: { seconds: 0n, nanos: 0 },
  });
});

test('RunAsync carries the task and where to report to; its answer says whether it is accepted', async () => {
  const seen: RunAsyncRequest[] = [];
  const runner = await startRunner({
    runAsync: (call) => {
      seen.push(call.request);
      return { accepted: seen.length === 1 };
    },
  });
  const calls = runnerCalls({ callbackAddress: 'ci.example:50051' });
  const options = watched();
  expect(await calls.runAsync(runner.address, task(clock, full), options)).toEqual({ kind: 'ACCEPTED' });
  expect(await calls.runAsync(runner.address, task(clock), options)).toEqual({
    kind: 'UNDELIVERED',
    message: 'the runner did not accept the execution',
  });
  expect(seen[0]).toMatchObject({
    ...{ executionId: 'execution-1', runnerType: 'docker', callbackAddress: 'ci.example:50051', args: full.args },
    heartbeatTimeout: { seconds: 1n },
  });
});

test('Cancel: accepted, declined, unknown to the runner, unsupported, failed, nobody there', async () => {
  const seen: CancelRequest[] = [];
  const runner = await startRunner({
    cancel: (call) => {
      const request = call.request;
      seen.push(request);
      if (request.executionId === 'unknown') throw { code: grpcStatus.NOT_FOUND, details: 'never heard of it' };
      if (request.executionId === 'broken') throw { code: grpcStatus.INTERNAL, details: 'oh' };
      return { accepted: request.executionId === 'mine' };
    },
  });
  const silent = await startRunner({});
  const calls = runnerCalls();
  expect(await calls.cancel(runner.address, 'mine', 'because')).toBe('ACCEPTED');
  expect(seen[0]).toMatchObject({ executionId: 'mine', reason: 'because' });
  expect(await calls.cancel(runner.address, 'other', '')).toBe('DECLINED');
  expect(await calls.cancel(runner.address, 'unknown', '')).toBe('DECLINED');
  expect(await calls.cancel(runner.address, 'broken', '')).toBe('UNREACHABLE');
  expect(await calls.cancel(silent.address, 'mine', '')).toBe('UNSUPPORTED');
  silent.kill();
  expect(await calls.cancel(silent.address, 'mine', '')).toBe('UNREACHABLE');
});

test('Cancel and Ping give up after five seconds', async () => {
  const time = manualClock();
  let calls = 0;
  const hang = async () => {
    calls += 1;
    return never;
  };
  const runner = await startRunner({ cancel: hang, ping: hang });
  const server = runnerCalls({ clock: time });
  const answers = [server.cancel(runner.address, 'mine', ''), server.ping(runner.address)];
  await waitFor('both calls', () => calls === 2);
  time.advance(4999);
  time.advance(1);
  expect(await within('both to give up', Promise.all(answers))).toEqual(['UNREACHABLE', false]);
});

test('Ping', async () => {
  const runner = await startRunner({ ping: () => ({ runnerType: 'docker' }) });
  const calls = runnerCalls();
  expect(await calls.ping(runner.address)).toBe(true);
  runner.kill();
  expect(await calls.ping(runner.address)).toBe(false);
});

test.each([
  [grpcStatus.RESOURCE_EXHAUSTED, 'UNDELIVERED'],
  [grpcStatus.UNIMPLEMENTED, 'UNDELIVERED'],
  [grpcStatus.DEADLINE_EXCEEDED, 'TIMED_OUT'],
  [grpcStatus.UNAVAILABLE, 'BROKEN'],
  [grpcStatus.CANCELLED, 'BROKEN'],
  [grpcStatus.UNKNOWN, 'BROKEN'],
  [grpcStatus.INTERNAL, 'BROKEN'],
  [grpcStatus.ABORTED, 'BROKEN'],
  [grpcStatus.FAILED_PRECONDITION, 'BROKEN'],
  [grpcStatus.INVALID_ARGUMENT, 'BROKEN'],
  [grpcStatus.NOT_FOUND, 'BROKEN'],
  [grpcStatus.UNAUTHENTICATED, 'BROKEN'],
])('status %i of the runner, with and without headers before it: %s', async (code, kind) => {
  const refuse = { code, details: 'my reason' };
  const runner = await startRunner({
    run: () => {
      throw refuse;
    },
    runAsync: (call) => {
      call.sendMetadata(new Metadata());
      throw refuse;
    },
  });
  const calls = runnerCalls();
  const expected = { kind, message: `${grpcStatus[code]}: my reason` };
  expect(await calls.run(runner.address, task(clock), watched())).toEqual(expected);
  expect(await calls.runAsync(runner.address, task(clock), watched())).toEqual(expected);
});

test('a runner without the method', async () => {
  const runner = await startRunner({});
  expect(await runnerCalls().run(runner.address, task(clock), watched())).toMatchObject({ kind: 'UNDELIVERED' });
});

test('a request that is larger than the runner takes', async () => {
  const runner = await startRunner({ run: () => ({}) });
  const large = task(clock, { args: { text: 'x'.repeat(5 * 1024 * 1024) } });
  const outcome = await runnerCalls().run(runner.address, large, watched());
  expect(outcome).toMatchObject({ kind: 'UNDELIVERED', message: expect.stringContaining('larger than max') });
});

test.each([
  [
    'a state that is no end',
    { stageState: StageState.ATTEMPTING },
    ['stage_state: must be FINAL, AWAITING_GROUP, not ATTEMPTING'],
  ],
  ['an unknown state', { stageState: 77 as StageState }, ['stage_state: must be FINAL, AWAITING_GROUP, not number 77']],
  [
    'a check without a name',
    { checkUpdates: [{ checkId: 'a' }, {}] },
    ['check_updates[1].check_id: must not be empty'],
  ],
  ['a check twice', { checkUpdates: [{ checkId: 'a' }, { checkId: 'a' }] }, ['check_updates[1].check_id']],
  [
    'two faults',
    {
      checkUpdates: [
        { checkId: 'a', state: 77 as CheckState },
        { checkId: 'b', resultData: { x: 'x'.repeat(200) } },
      ],
    },
    ['check_updates[0].state', 'check_updates[1].result_data: must have at most 100 bytes'],
  ],
])('an answer that breaks the rules is BROKEN, by its paths: %s', async (_, answer, faults) => {
  const runner = await startRunner({ run: () => answer });
  const outcome = await runnerCalls({ limits: { jsonBytes: 100 } }).run(runner.address, task(clock), watched());
  if (outcome.kind !== 'BROKEN') throw new Error(`the answer was taken: ${outcome.kind}`);
  for (const fault of faults) expect(outcome.message).toContain(fault);
});

test('an answer that is too large is BROKEN, although grpc-js calls it RESOURCE_EXHAUSTED', async () => {
  const runner = await startRunner({
    run: () => ({ details: { text: 'x'.repeat(70_000) } }),
    runAsync: () => ({ runnerExecutionId: 'x'.repeat(70_000) }),
  });
  const calls = runnerCalls({ limits: { messageBytes: 65_536 } });
  const expected = { kind: 'BROKEN', message: expect.stringContaining('larger than max') };
  expect(await calls.run(runner.address, task(clock), watched())).toMatchObject(expected);
  expect(await calls.runAsync(runner.address, task(clock), watched())).toMatchObject(expected);
});

test('the deadline cuts the call: TIMED_OUT, and the runner is told', async () => {
  const time = manualClock();
  const started: { cancelled: boolean }[] = [];
  const runner = await startRunner({
    run: (call) => {
      started.push(call);
      return never;
    },
  });
  const options = watched();
  const outcome = runnerCalls({ clock: time }).run(
    runner.address,
    task(time, { deadline: time.now() + 900_000 }),
    options,
  );
  const call = await waitFor('the call', () => started[0]);
  expect(options.sent()).toBe(1);
  time.advance(899_999);
  expect(call.cancelled).toBe(false);
  time.advance(1);
  expect(await within('the outcome', outcome)).toEqual({ kind: 'TIMED_OUT', message: 'the deadline passed' });
  await waitFor('the runner to know', () => call.cancelled);
});

test('a deadline farther away than timers of 32 bits reach', async () => {
  const deadlines: number[] = [];
  const runner = await startRunner({
    run: (call) => {
      deadlines.push(Number(call.getDeadline()));
      return {};
    },
  });
  const days = 24 * 3_600_000;
  for (const count of [24, 25, 36_000]) {
    const far = task(clock, { deadline: clock.now() + count * days });
    expect(await runnerCalls().run(runner.address, far, watched())).toMatchObject({ kind: 'ANSWERED' });
  }
  expect(Math.min(...deadlines)).toBeGreaterThan(clock.now() + 23 * days);
});

test('an abort cuts the call, and the runner is told', async () => {
  const started: { cancelled: boolean }[] = [];
  const hang = (call: { cancelled: boolean }) => {
    started.push(call);
    return never;
  };
  const runner = await startRunner({ run: hang, runAsync: hang });
  const calls = runnerCalls();
  for (const method of ['run', 'runAsync'] as const) {
    const options = watched();
    const outcome: Promise<unknown> = calls[method](runner.address, task(clock), options);
    const call = await waitFor('the call', () => started.pop());
    options.abort();
    expect(await within('the outcome', outcome)).toEqual({ kind: 'BROKEN', message: 'the call was cut by the server' });
    await waitFor('the runner to know', () => call.cancelled);
  }
});

test('a call that is aborted before it begins does not begin', async () => {
  const runner = await startRunner({ run: () => ({}) });
  const options = watched();
  options.abort();
  const outcome = await runnerCalls().run(runner.address, task(clock), options);
  expect(outcome).toMatchObject({ kind: 'BROKEN' });
  expect([options.sent(), runner.connections()]).toEqual([0, 0]);
});

test('an address without a host is on this machine, one with a path is a socket', async () => {
  const path = join(await scratchFolder(), 'runner.sock');
  const tcp = await startRunner({ ping: () => ({}) });
  const unix = await startRunner({ ping: () => ({}) }, { path });
  const calls = runnerCalls();
  for (const address of [`:${tcp.port}`, `localhost:${tcp.port}`, `dns:///localhost:${tcp.port}`]) {
    expect([address, await calls.ping(address)]).toEqual([address, true]);
  }
  expect(await calls.ping(`unix:${path}`)).toBe(true);
  expect(await calls.ping(`unix://${path}`)).toBe(true);
  expect(unix.connections()).toBe(2);
});
