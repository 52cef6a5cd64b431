import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CheckState, ExecutionMode, StageState } from '../../gen/turboci/v1/common_pb.js';
import type {
  AcquireStageExecutionsRequestSchema,
  CompleteStageExecutionRequestSchema,
  RegisterStageRunnerRequestSchema,
  UpdateStageExecutionRequestSchema,
} from '../../gen/turboci/v1/service_pb.js';
import type {
  AcquireExecutionsRequest,
  CompleteExecutionRequest,
  RegisterRunnerRequest,
  UpdateExecutionRequest,
} from '../../src/service/requests.ts';
import { turboci } from '../support/client.ts';
import { fakeOrchestrator, untilAborted } from '../support/fake-orchestrator.ts';
import { startGrpc, type TestServerOptions } from '../support/grpc-test-server.ts';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { task } from './harness/calls.ts';

type Register = MessageInitShape<typeof RegisterStageRunnerRequestSchema>;
type Update = MessageInitShape<typeof UpdateStageExecutionRequestSchema>;
type Complete = MessageInitShape<typeof CompleteStageExecutionRequestSchema>;
type Acquire = MessageInitShape<typeof AcquireStageExecutionsRequestSchema>;

/** An enum number that the contract does not have. */
const unknown = 77 as never;

/** A server that takes everything and remembers what the service would have got. */
async function recorder(options: TestServerOptions = {}) {
  const registered: RegisterRunnerRequest[] = [];
  const updates: UpdateExecutionRequest[] = [];
  const completions: CompleteExecutionRequest[] = [];
  const acquired: AcquireExecutionsRequest[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      registerRunner: async (_, request) => {
        registered.push(request);
        return { registrationId: 'registration', expiresAt: 1_700_000_300_000 };
      },
      updateExecution: async (_, request) => {
        updates.push(request);
        return { cancelRequested: false, heartbeatBy: undefined };
      },
      completeExecution: async (_, request) => void completions.push(request),
      acquireExecutions: async (_, request) => {
        acquired.push(request);
        return [];
      },
    }),
    options,
  );
  return { client: turboci(server.client()), registered, updates, completions, acquired };
}

const runner: Register = { runnerId: 'r1', runnerType: 'docker' };

test('RegisterStageRunner: what is left out has its default', async () => {
  const { client, registered } = await recorder();
  const answer = await client.registerStageRunner(runner);
  expect(answer).toMatchObject({ registrationId: 'registration', expiresAt: { seconds: 1_700_000_300n } });
  expect(registered).toEqual([
    { ...runner, address: '', supportedModes: ['SYNC'], maxConcurrent: 0, ttlMs: 300_000, metadata: {} },
  ]);
});

test('RegisterStageRunner: all that may be given', async () => {
  const { client, registered } = await recorder();
  const { ASYNC } = ExecutionMode;
  await client.registerStageRunner({
    ...{
      ...runner,
      address: ':50052',
      supportedModes: [ASYNC, ExecutionMode.UNKNOWN, ASYNC],
      maxConcurrent: 5,
      ttlSeconds: 1n,
    },
    metadata: { zone: 'a' },
  });
  await client.registerStageRunner({ ...runner, ttlSeconds: 86_400n });
  expect(registered).toMatchObject([
    { address: ':50052', supportedModes: ['ASYNC', 'SYNC'], maxConcurrent: 5, ttlMs: 1000, metadata: { zone: 'a' } },
    { ttlMs: 86_400_000 },
  ]);
});

test.each<readonly [what: string, request: Register, field: string, remedy: RegExp]>([
  ['no runner', { runnerType: 'docker' }, 'runner_id', /must/],
  ['no type', { runnerId: 'r1' }, 'runner_type', /must/],
  ['a type of the server', { ...runner, runnerType: 'builtin/process' }, 'runner_type', /the server executes those/],
  ['an address without a port', { ...runner, address: 'runner' }, 'address', /HOST:PORT/],
  ['an address with a scheme of the web', { ...runner, address: 'http://runner:80' }, 'address', /HOST:PORT/],
  ['an unknown mode', { ...runner, supportedModes: [ExecutionMode.SYNC, unknown] }, 'supported_modes[1]', /number 77/],
  ['fewer executions than none', { ...runner, maxConcurrent: -1 }, 'max_concurrent', /must/],
  ['a time before now', { ...runner, ttlSeconds: -1n }, 'ttl_seconds', /from 1 to 86400/],
  ['more than a day', { ...runner, ttlSeconds: 86_401n }, 'ttl_seconds', /from 1 to 86400/],
  ['a time that no number holds', { ...runner, ttlSeconds: 2n ** 62n }, 'ttl_seconds', /must/],
  ['a long word', { ...runner, metadata: { zone: 'x'.repeat(4097) } }, 'metadata.zone', /must/],
])('RegisterStageRunner with %s is refused', async (_, request, field, remedy) => {
  const { client, registered } = await recorder();
  const error = await refusal(client.registerStageRunner(request));
  expect([error.code, error.fields]).toEqual(['INVALID_ARGUMENT', [field]]);
  expect(error.message).toMatch(remedy);
  expect(registered).toEqual([]);
});

test('UnregisterStageRunner and ListStageRunners', async () => {
  const ended: string[] = [];
  const listed: string[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      unregisterRunner: async (_, { registrationId }) => void ended.push(registrationId),
      listRunners: async (_, { runnerType }) => {
        listed.push(runnerType);
        return [
          {
            ...{ registrationId: 'x', runnerId: 'r1', runnerType: 'docker', address: 'a:1', modes: ['SYNC', 'ASYNC'] },
            ...{ maxConcurrent: 5, ttlMs: 60_000, metadata: { zone: 'a' }, registeredAt: 1000, renewedAt: 2000 },
            ...{ expiresAt: 62_000, currentLoad: 3, suspended: true },
          },
        ];
      },
    }),
  );
  const client = turboci(server.client());
  await client.unregisterStageRunner({ registrationId: 'x' });
  expect(ended).toEqual(['x']);
  expect((await refusal(client.unregisterStageRunner({}))).fields).toEqual(['registration_id']);
  const { runners } = await client.listStageRunners({});
  await client.listStageRunners({ runnerType: 'docker' });
  expect(listed).toEqual(['', 'docker']);
  expect((await refusal(client.listStageRunners({ runnerType: 'a\nb' }))).fields).toEqual(['runner_type']);
  expect(runners).toMatchObject([
    {
      ...{ runnerId: 'r1', registrationId: 'x', runnerType: 'docker', address: 'a:1' },
      ...{ supportedModes: [ExecutionMode.SYNC, ExecutionMode.ASYNC], maxConcurrent: 5, currentLoad: 3 },
      ...{ registeredAt: { seconds: 1n }, lastHeartbeat: { seconds: 2n }, expiresAt: { seconds: 62n } },
      ...{ metadata: { zone: 'a' }, suspended: true },
    },
  ]);
});

test('UpdateStageExecution, and its answer', async () => {
  const { client, updates } = await recorder();
  await client.updateStageExecution({ executionId: 'e', message: 'half', progressPercent: 50, details: { step: 3 } });
  const answer = await client.updateStageExecution({ executionId: 'e' });
  expect(updates).toEqual([
    { executionId: 'e', message: 'half', progressPercent: 50, details: { step: 3 } },
    { executionId: 'e', message: '', progressPercent: 0, details: undefined },
  ]);
  expect(answer).toMatchObject({ cancelRequested: false });
  expect(answer.heartbeatBy).toBeUndefined();

  const server = await startGrpc(
    fakeOrchestrator({ updateExecution: async () => ({ cancelRequested: true, heartbeatBy: 5000 }) }),
  );
  expect(await turboci(server.client()).updateStageExecution({ executionId: 'e' })).toMatchObject({
    cancelRequested: true,
    heartbeatBy: { seconds: 5n },
  });
});

const ok: Complete = { executionId: 'e' };

test('CompleteStageExecution', async () => {
  const { client, completions } = await recorder();
  const answer = await client.completeStageExecution({
    ...{ ...ok, stageState: StageState.FINAL, failure: { message: 'no', reason: 'X', occurredAt: { seconds: 2n } } },
    checkUpdates: [
      { checkId: 'unit', state: CheckState.PLANNING, resultData: { passed: 7 }, finalize: true },
      { checkId: 'lint', failure: { message: 'style' } },
    ],
    details: { log: 'x' },
  });
  expect(answer.acknowledged).toBe(true);
  for (const stageState of [StageState.UNKNOWN, StageState.AWAITING_GROUP]) {
    await client.completeStageExecution({ ...ok, stageState });
  }
  expect(completions).toEqual([
    {
      ...{ executionId: 'e', stageState: 'FINAL', failure: { message: 'no', reason: 'X', occurredAt: 2000 } },
      checkUpdates: [
        { checkId: 'unit', state: 'PLANNING', data: { passed: 7 }, finalize: true, failure: undefined },
        {
          ...{ checkId: 'lint', state: undefined, data: undefined, finalize: false },
          failure: { message: 'style', reason: '', occurredAt: undefined },
        },
      ],
      details: { log: 'x' },
    },
    { executionId: 'e', stageState: undefined, checkUpdates: [], failure: undefined, details: undefined },
    { executionId: 'e', stageState: 'AWAITING_GROUP', checkUpdates: [], failure: undefined, details: undefined },
  ]);
});

/** Objects in one another, `depth` of them. */
function json(depth: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 1; level < depth; level++) value = { in: value };
  return value;
}

const large: JsonObject = { text: 'x'.repeat(1024 ** 2) };
const INVALID = 'INVALID_FIELD';
const LIMIT = 'REQUEST_LIMIT_EXCEEDED';

test.each<readonly [what: string, request: Complete, reason: string, field: string]>([
  ['no execution', {}, INVALID, 'execution_id'],
  ['the state PLANNED', { ...ok, stageState: StageState.PLANNED }, INVALID, 'stage_state'],
  ['the state ATTEMPTING', { ...ok, stageState: StageState.ATTEMPTING }, INVALID, 'stage_state'],
  ['an unknown state', { ...ok, stageState: unknown }, INVALID, 'stage_state'],
  ['a check without a name', { ...ok, checkUpdates: [{}] }, INVALID, 'check_updates[0].check_id'],
  [
    'an unknown state of a check',
    { ...ok, checkUpdates: [{ checkId: 'a', state: unknown }] },
    INVALID,
    'check_updates[0].state',
  ],
  [
    'a check twice',
    { ...ok, checkUpdates: [{ checkId: 'a' }, { checkId: 'b' }, { checkId: 'a' }] },
    'DUPLICATE_NODE',
    'check_updates[2].check_id',
  ],
  [
    'a result over 1 MiB',
    { ...ok, checkUpdates: [{ checkId: 'a' }, { checkId: 'b', resultData: large }] },
    LIMIT,
    'check_updates[1].result_data',
  ],
  [
    'a result of 65 levels',
    { ...ok, checkUpdates: [{ checkId: 'a', resultData: json(65) }] },
    LIMIT,
    'check_updates[0].result_data',
  ],
  ['details over 1 MiB', { ...ok, details: large }, LIMIT, 'details'],
  ['details of 65 levels', { ...ok, details: json(65) }, LIMIT, 'details'],
  ['a long message', { ...ok, failure: { message: 'x'.repeat(65_537) } }, LIMIT, 'failure.message'],
  ['a failure before 1970', { ...ok, failure: { occurredAt: { seconds: -1n } } }, INVALID, 'failure.occurred_at'],
  [
    'a long reason of a check',
    { ...ok, checkUpdates: [{ checkId: 'a', failure: { reason: 'x'.repeat(1025) } }] },
    LIMIT,
    'check_updates[0].failure.reason',
  ],
])('CompleteStageExecution with %s is refused', async (_, request, reason, field) => {
  const { client, completions } = await recorder();
  const error = await refusal(client.completeStageExecution(request));
  expect([error.code, error.reason, error.fields]).toEqual(['INVALID_ARGUMENT', reason, [field]]);
  expect(completions).toEqual([]);
});

test('CompleteStageExecution: as many updates as a write may have nodes, and no more', async () => {
  const { client, completions } = await recorder({ limits: { nodesPerWrite: 10 } });
  const updates = Array.from({ length: 10 }, (_, at) => ({ checkId: `c${at}` }));
  await client.completeStageExecution({ ...ok, checkUpdates: updates });
  expect(completions).toHaveLength(1);
  const error = await refusal(
    client.completeStageExecution({ ...ok, checkUpdates: [...updates, { checkId: 'last' }] }),
  );
  expect([error.reason, error.fields]).toEqual([LIMIT, ['check_updates']]);
});

test.each<readonly [what: string, request: Update, reason: string, field: string]>([
  ['no execution', {}, INVALID, 'execution_id'],
  ['a percentage of -1', { executionId: 'e', progressPercent: -1 }, INVALID, 'progress_percent'],
  ['a percentage of 101', { executionId: 'e', progressPercent: 101 }, INVALID, 'progress_percent'],
  ['a long message', { executionId: 'e', message: 'x'.repeat(65_537) }, LIMIT, 'message'],
  ['details over 1 MiB', { executionId: 'e', details: large }, LIMIT, 'details'],
  ['details of 65 levels', { executionId: 'e', details: json(65) }, LIMIT, 'details'],
])('UpdateStageExecution with %s is refused', async (_, request, reason, field) => {
  const { client, updates } = await recorder();
  const error = await refusal(client.updateStageExecution(request));
  expect([error.code, error.reason, error.fields]).toEqual(['INVALID_ARGUMENT', reason, [field]]);
  expect(updates).toEqual([]);
});

test('at the limits all is well', async () => {
  const { client, updates, completions } = await recorder();
  const justFits: JsonObject = { text: 'x'.repeat(1024 ** 2 - 11) };
  await client.updateStageExecution({
    executionId: 'e',
    progressPercent: 100,
    message: 'x'.repeat(65_536),
    details: justFits,
  });
  await client.completeStageExecution({
    ...{
      ...ok,
      details: json(64),
      checkUpdates: [
        { checkId: 'a', resultData: justFits },
        { checkId: 'b', resultData: json(64) },
      ],
    },
  });
  expect([updates.length, completions.length]).toEqual([1, 1]);
});

test('AcquireStageExecutions: defaults, merging, clamping', async () => {
  const { client, acquired } = await recorder();
  await client.acquireStageExecutions({ runnerId: 'r1' });
  await client.acquireStageExecutions({
    ...{ runnerId: 'r1', runnerTypes: ['b', 'a', 'b'], maxExecutions: 7, heldExecutionIds: ['e1', 'e2'] },
    wait: { seconds: 1n, nanos: 500_000_000 },
  });
  await client.acquireStageExecutions({ runnerId: 'r1', maxExecutions: 2_000_000_000, wait: { seconds: 1n << 60n } });
  expect(acquired).toEqual([
    { runnerId: 'r1', runnerTypes: [], maxExecutions: 1, waitMs: 0, heldExecutionIds: [] },
    { runnerId: 'r1', runnerTypes: ['b', 'a'], maxExecutions: 7, waitMs: 1500, heldExecutionIds: ['e1', 'e2'] },
    { runnerId: 'r1', runnerTypes: [], maxExecutions: 1000, waitMs: 60_000, heldExecutionIds: [] },
  ]);
});

test.each<readonly [what: string, request: Acquire, field: string]>([
  ['no runner', {}, 'runner_id'],
  ['an empty type', { runnerId: 'r1', runnerTypes: ['a', ''] }, 'runner_types[1]'],
  ['fewer executions than none', { runnerId: 'r1', maxExecutions: -1 }, 'max_executions'],
  ['a negative wait', { runnerId: 'r1', wait: { seconds: -1n } }, 'wait'],
  ['a wait of mixed signs', { runnerId: 'r1', wait: { seconds: 1n, nanos: -1 } }, 'wait'],
  ['an empty execution', { runnerId: 'r1', heldExecutionIds: [''] }, 'held_execution_ids[0]'],
])('AcquireStageExecutions with %s is refused', async (_, request, field) => {
  const { client, acquired } = await recorder();
  const error = await refusal(client.acquireStageExecutions(request));
  expect([error.code, error.fields]).toEqual(['INVALID_ARGUMENT', [field]]);
  expect(acquired).toEqual([]);
});

test('AcquireStageExecutions answers tasks with every field filled', async () => {
  const now = () => 1_700_000_000_000;
  const server = await startGrpc(
    fakeOrchestrator({
      acquireExecutions: async () => [
        task({ now }),
        task(
          { now },
          {
            ...{ executionId: 'e2', args: { a: [1] }, assignedCheckIds: ['c'], metadata: { commit: 'abc' } },
            ...{ checkOptions: [{ checkId: 'c', kind: 'test', options: {} }], heartbeatTimeoutMs: 2500 },
          },
        ),
      ],
    }),
  );
  const { executions } = await turboci(server.client()).acquireStageExecutions({ runnerId: 'r1' });
  expect(executions).toMatchObject([
    {
      ...{ executionId: 'execution-1', workPlanId: 'plan', stageId: 'build', attemptIdx: 1, runnerType: 'docker' },
      ...{ args: {}, metadata: {}, assignedCheckIds: [], checkOptions: [] },
      ...{ deadline: { seconds: 1_700_000_060n }, heartbeatTimeout: { seconds: 0n, nanos: 0 } },
    },
    {
      ...{ executionId: 'e2', args: { a: [1] }, assignedCheckIds: ['c'], metadata: { commit: 'abc' } },
      ...{ checkOptions: [{ checkId: 'c', kind: 'test', options: {} }] },
      ...{ heartbeatTimeout: { seconds: 2n, nanos: 500_000_000 } },
    },
  ]);
});

test('a waiting AcquireStageExecutions has no default deadline, and a drain ends it', async () => {
  const waiting: AbortSignal[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      acquireExecutions: ({ signal }) => {
        waiting.push(signal);
        return untilAborted(signal);
      },
      listRunners: ({ signal }) => untilAborted(signal),
    }),
    { defaultDeadlineMs: 1 },
  );
  const client = turboci(server.client());
  const call = refusal(client.acquireStageExecutions({ runnerId: 'r1', wait: { seconds: 60n } }));
  const signal = await waitFor('the call', () => waiting[0]);
  // A call that has the deadline of 1 ms comes later and is over before.
  expect((await refusal(client.listStageRunners({}))).code).toBe('DEADLINE_EXCEEDED');
  expect(signal.aborted).toBe(false);
  const stopped = server.grpc.stop(5000);
  const error = await within('the end of the call', call);
  expect([error.code, error.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
  await within('the end of the server', stopped);
});
