import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import type { CheckWriteSchema } from '../../gen/turboci/v1/check_pb.js';
import {
  AttemptState,
  CheckState,
  type DependencyGroup,
  DependencyGroupSchema,
  PredicateType,
  StageState,
} from '../../gen/turboci/v1/common_pb.js';
import type { WriteNodesRequestSchema } from '../../gen/turboci/v1/service_pb.js';
import type { StageWriteSchema } from '../../gen/turboci/v1/stage_pb.js';
import type { QueryNodesRequest, WatchWorkPlanRequest, WriteNodesRequest } from '../../src/service/requests.ts';
import { turboci } from '../support/client.ts';
import { fakeOrchestrator } from '../support/fake-orchestrator.ts';
import { startGrpc } from '../support/grpc-test-server.ts';
import { refusal } from '../support/rpc-error.ts';

type CheckInit = MessageInitShape<typeof CheckWriteSchema>;
type StageInit = MessageInitShape<typeof StageWriteSchema>;
type WriteInit = MessageInitShape<typeof WriteNodesRequestSchema>;

/** An enum number that the contract does not have. */
const unknown = 77 as never;

const edge = { targetId: 'a' };

const group = (init: MessageInitShape<typeof DependencyGroupSchema>): DependencyGroup =>
  create(DependencyGroupSchema, init);

/** Objects in one another, `depth` of them. */
function json(depth: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 1; level < depth; level++) value = { in: value };
  return value;
}

type Case = readonly [what: string, request: WriteInit, reason: string, ...fields: readonly string[]];

const check = (init: CheckInit): WriteInit => ({ workPlanId: 'p', checks: [{ id: 'fine' }, { id: 'c', ...init }] });
const stage = (init: StageInit): WriteInit => ({ workPlanId: 'p', stages: [{ id: 's', ...init }] });

const INVALID = 'INVALID_FIELD';
const LIMIT = 'REQUEST_LIMIT_EXCEEDED';

const cases: readonly Case[] = [
  ['no plan', {}, INVALID, 'work_plan_id'],
  ['an empty id', { workPlanId: 'p', checks: [{}] }, INVALID, 'checks[0].id'],
  ['an id of 257 bytes', check({ id: 'ä'.repeat(128).concat('x') }), INVALID, 'checks[1].id'],
  ['a control character in an id', check({ id: 'a\nb' }), INVALID, 'checks[1].id'],
  ['a C1 control character in an id', check({ id: 'a\u0085b' }), INVALID, 'checks[1].id'],
  ['an unknown check state', check({ state: unknown }), INVALID, 'checks[1].state'],
  ['an unknown stage state', stage({ state: unknown }), INVALID, 'stages[0].state'],
  [
    'an unknown attempt state',
    stage({ currentAttempt: { state: unknown } }),
    INVALID,
    'stages[0].current_attempt.state',
  ],
  ['an unknown execution mode', stage({ executionMode: unknown }), INVALID, 'stages[0].execution_mode'],
  ['an unknown view', { workPlanId: 'p', responseView: unknown }, INVALID, 'response_view'],
  [
    'unknown enums in a group',
    check({
      dependencies: { predicate: unknown, dependencies: [{ targetType: unknown, targetId: 'x', condition: unknown }] },
    }),
    INVALID,
    'checks[1].dependencies.predicate',
    'checks[1].dependencies.dependencies[0].target_type',
    'checks[1].dependencies.dependencies[0].condition',
  ],
  [
    'an edge to nothing',
    stage({ dependencies: { dependencies: [{}] } }),
    INVALID,
    'stages[0].dependencies.dependencies[0].target_id',
  ],
  [
    'an empty nested group',
    stage({ continuationGroup: { dependencies: [edge], groups: [{}] } }),
    INVALID,
    'stages[0].continuation_group.groups[0]',
  ],
  [
    'a threshold of zero',
    check({ dependencies: { predicate: PredicateType.THRESHOLD, dependencies: [edge] } }),
    INVALID,
    'checks[1].dependencies.threshold',
  ],
  [
    'a threshold above the number of different edges',
    check({ dependencies: { predicate: PredicateType.THRESHOLD, threshold: 2, dependencies: [edge, edge] } }),
    INVALID,
    'checks[1].dependencies.threshold',
  ],
  [
    'a negative threshold of a nested group',
    check({ dependencies: { groups: [{ predicate: PredicateType.THRESHOLD, threshold: -1, dependencies: [edge] }] } }),
    INVALID,
    'checks[1].dependencies.groups[0].threshold',
  ],
  [
    '10,001 edges',
    check({ dependencies: { dependencies: new Array(10_001).fill(edge) } }),
    LIMIT,
    'checks[1].dependencies',
  ],
  [
    '10,001 edges in two groups',
    stage({
      dependencies: { dependencies: new Array(5_000).fill(edge) },
      continuationGroup: { groups: [group({ dependencies: new Array(5_001).fill(edge) })] },
    }),
    LIMIT,
    'stages[0].continuation_group',
  ],
  ['JSON of 65 levels', check({ options: json(65) }), LIMIT, 'checks[1].options'],
  ['JSON of 130 levels', stage({ args: json(130) }), LIMIT, 'stages[0].args'],
  ['JSON over 1 MiB', stage({ args: { text: 'x'.repeat(1024 ** 2) } }), LIMIT, 'stages[0].args'],
  [
    'JSON over 1 MiB in two fields',
    check({
      options: { text: 'x'.repeat(600_000) },
      result: { ownerType: 'o', ownerId: '1', data: { text: 'x'.repeat(600_000) } },
    }),
    LIMIT,
    'checks[1].result.data',
  ],
  [
    'the same check twice',
    { workPlanId: 'p', checks: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] },
    'DUPLICATE_NODE',
    'checks[2].id',
  ],
  ['the same stage twice', { workPlanId: 'p', stages: [{ id: 'a' }, { id: 'a' }] }, 'DUPLICATE_NODE', 'stages[1].id'],
  [
    'a check assigned twice',
    stage({ assignments: [{ targetCheckId: 'c' }, { targetCheckId: 'c', goalState: CheckState.PLANNED }] }),
    INVALID,
    'stages[0].assignments[1].target_check_id',
  ],
  [
    'a goal of WAITING',
    stage({ assignments: [{ targetCheckId: 'c', goalState: CheckState.WAITING }] }),
    INVALID,
    'stages[0].assignments[0].goal_state',
  ],
  ['a result of nobody', check({ result: {} }), INVALID, 'checks[1].result.owner_type', 'checks[1].result.owner_id'],
  [
    "a result in the server's name",
    check({ result: { ownerType: 'orchestrator', ownerId: 'x' } }),
    INVALID,
    'checks[1].result.owner_type',
  ],
  ['a failure without FINAL', stage({ failure: { message: 'no' } }), INVALID, 'stages[0].failure'],
  [
    'a failure with AWAITING_GROUP',
    stage({ failure: {}, state: StageState.AWAITING_GROUP }),
    INVALID,
    'stages[0].failure',
  ],
  [
    'an attempt that is COMPLETE and failed',
    stage({ currentAttempt: { state: AttemptState.COMPLETE, failure: {} } }),
    INVALID,
    'stages[0].current_attempt.failure',
  ],
  [
    'a failure before 1970',
    stage({ state: StageState.FINAL, failure: { occurredAt: { seconds: -1n } } }),
    INVALID,
    'stages[0].failure.occurred_at',
  ],
  [
    'a percentage of 101',
    stage({ currentAttempt: { progress: { percent: 101 } } }),
    INVALID,
    'stages[0].current_attempt.progress.percent',
  ],
  [
    'a percentage of -1',
    stage({ currentAttempt: { progress: { percent: -1 } } }),
    INVALID,
    'stages[0].current_attempt.progress.percent',
  ],
  [
    'an attempt of index 0',
    stage({ currentAttempt: { attemptIdx: 0 } }),
    INVALID,
    'stages[0].current_attempt.attempt_idx',
  ],
  ['a reference to attempt 0', { workPlanId: 'p', attempt: { stageId: 's' } }, INVALID, 'attempt.attempt_idx'],
  ['a negative node version', check({ expectedVersion: -1n }), INVALID, 'checks[1].expected_version'],
  ['a negative plan version', { workPlanId: 'p', expectedPlanVersion: -1n }, INVALID, 'expected_plan_version'],
  ['a request id of 65 characters', { workPlanId: 'p', requestId: 'x'.repeat(65) }, INVALID, 'request_id'],
  [
    'fewer attempts than one',
    stage({ executionPolicy: { maxAttempts: -1 } }),
    INVALID,
    'stages[0].execution_policy.max_attempts',
  ],
  [
    'negative durations',
    stage({ executionPolicy: { stageTimeout: { seconds: -1n }, backoffInitial: { nanos: -1 } } }),
    INVALID,
    'stages[0].execution_policy.stage_timeout',
    'stages[0].execution_policy.backoff_initial',
  ],
  [
    'an attempt timeout of zero',
    stage({ executionPolicy: { attemptTimeout: {} } }),
    INVALID,
    'stages[0].execution_policy.attempt_timeout',
  ],
  [
    'a heartbeat below one second',
    stage({ executionPolicy: { heartbeatTimeout: { nanos: 999_000_000 } } }),
    INVALID,
    'stages[0].execution_policy.heartbeat_timeout',
  ],
  [
    'a shrinking backoff',
    stage({ executionPolicy: { backoffMultiplier: 0.5 } }),
    INVALID,
    'stages[0].execution_policy.backoff_multiplier',
  ],
  [
    'a backoff that is no number',
    stage({ executionPolicy: { backoffMultiplier: Number.NaN } }),
    INVALID,
    'stages[0].execution_policy.backoff_multiplier',
  ],
];

test.each(cases.map(([what, request, reason, ...fields]) => ({ what, request, reason, fields })))(
  '$what is refused by its path',
  async ({ request, reason, fields }) => {
    const server = await startGrpc(fakeOrchestrator({}));
    const error = await refusal(turboci(server.client()).writeNodes(request));
    expect([error.code, error.reason]).toEqual(['INVALID_ARGUMENT', reason]);
    expect(error.fields).toEqual(fields);
  },
);

test('the message names the first fault, the unknown number and how many more there are', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  const error = await refusal(
    turboci(server.client()).writeNodes({ workPlanId: 'p', checks: [{ id: 'c', state: unknown }, { id: '' }] }),
  );
  expect(error.message).toMatch(/^checks\[0\]\.state: .*number 77.*1 more/);
});

test('20,000 nodes are accepted, 20,001 are not', async () => {
  let nodes = 0;
  const server = await startGrpc(
    fakeOrchestrator({
      writeNodes: async (_, request) => {
        nodes = request.checks.length + request.stages.length;
        return { checks: [], stages: [], revision: 1 };
      },
    }),
  );
  const client = turboci(server.client());
  const ids = Array.from({ length: 10_000 }, (_, at) => ({ id: `n${at}` }));
  await client.writeNodes({ workPlanId: 'p', checks: ids, stages: ids });
  expect(nodes).toBe(20_000);
  const error = await refusal(client.writeNodes({ workPlanId: 'p', checks: [...ids, { id: 'last' }], stages: ids }));
  expect([error.code, error.reason, error.fields]).toEqual(['INVALID_ARGUMENT', LIMIT, ['stages']]);
});

test('at the limits all is well', async () => {
  const seen: WriteNodesRequest[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      writeNodes: async (_, request) => {
        seen.push(request);
        return { checks: [], stages: [], revision: 1 };
      },
    }),
  );
  let deep = group({ dependencies: [edge] });
  for (let level = 1; level < 16; level++) deep = group({ groups: [deep] });
  await turboci(server.client()).writeNodes({
    workPlanId: 'ä'.repeat(128),
    requestId: 'x'.repeat(64),
    checks: [{ id: 'a/b:c', options: json(64), dependencies: deep }],
    stages: [
      { id: 's'.repeat(256), args: { text: 'x'.repeat(1024 ** 2 - 11) } },
      { id: 't', dependencies: { dependencies: new Array(10_000).fill(edge) } },
    ],
  });
  expect(seen).toHaveLength(1);
});

test('what old clients leave unset has its default', async () => {
  const seen: WriteNodesRequest[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      writeNodes: async (_, request) => {
        seen.push(request);
        return { checks: [], stages: [], revision: 1 };
      },
    }),
  );
  await turboci(server.client()).writeNodes({
    workPlanId: 'p',
    stages: [{ id: 's', assignments: [{ targetCheckId: 'c' }], dependencies: { dependencies: [{ targetId: 'x' }] } }],
  });
  expect(seen[0]).toMatchObject({ responseView: 'FULL', requestId: '', reason: '' });
  expect(seen[0]?.stages[0]).toMatchObject({
    assignments: [{ targetCheckId: 'c', goalState: 'FINAL' }],
    dependencies: { predicate: 'AND', dependencies: [{ targetType: 'CHECK', targetId: 'x', condition: 'FINAL' }] },
    runnerType: '',
  });
  for (const unset of ['state', 'executionMode', 'executionPolicy', 'expectedVersion', 'args'] as const) {
    expect(seen[0]?.stages[0]?.[unset]).toBeUndefined();
  }
});

test('queries and watches: defaults, clamping, refusals', async () => {
  const queries: QueryNodesRequest[] = [];
  const watches: WatchWorkPlanRequest[] = [];
  const server = await startGrpc(
    fakeOrchestrator({
      queryNodes: async (_, request) => {
        queries.push(request);
        return { checks: [], stages: [], nextPageToken: '', revision: 1 };
      },
      watchWorkPlan: async (_, request) => {
        watches.push(request);
        return { cut: new AbortController().signal, async *[Symbol.asyncIterator]() {} };
      },
    }),
  );
  const client = turboci(server.client());
  await client.queryNodes({ workPlanId: 'p', pageSize: 50_000 });
  await client.queryNodes({ workPlanId: 'p', includeStages: true });
  expect(queries).toMatchObject([
    { includeChecks: true, includeStages: true, pageSize: 10_000, view: 'FULL' },
    { includeChecks: false, includeStages: true, pageSize: 0 },
  ]);
  await client.watchWorkPlan({ workPlanId: 'p' }).rest();
  expect(watches).toMatchObject([{ includeChecks: true, includeStages: true, endOnCompletion: false }]);
  expect(watches[0]?.sinceRevision).toBeUndefined();

  const refused = [
    [client.queryNodes({ workPlanId: 'p', pageSize: -1 }), 'page_size'],
    [client.queryNodes({ workPlanId: 'p', checkStates: [unknown] }), 'check_states[0]'],
    [client.queryNodes({ workPlanId: 'p', stageIds: ['x', ''] }), 'stage_ids[1]'],
    [client.watchWorkPlan({ workPlanId: 'p', sinceRevision: -1n }).rest(), 'since_revision'],
    [client.watchWorkPlan({ workPlanId: 'p', stageStateFilter: [unknown] }).rest(), 'stage_state_filter[0]'],
    [client.listWorkPlans({ states: [unknown] }), 'states[0]'],
    [client.getWorkPlan({ id: '\u0001' }), 'id'],
    [client.runStage({ workPlanId: 'p' }), 'stage_id'],
  ] as const;
  for (const [call, field] of refused) {
    const error = await refusal(call);
    expect([error.code, error.fields]).toEqual(['INVALID_ARGUMENT', [field]]);
  }
});

test('metadata: 64 pairs, keys of 256 bytes, values of 4 KiB', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  const client = turboci(server.client());
  const pairs = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 'v']));
  for (const [metadata, field] of [
    [pairs, 'metadata'],
    [{ ['k'.repeat(257)]: 'v' }, 'metadata'],
    [{ long: 'v'.repeat(4097) }, 'metadata.long'],
  ] as const) {
    const error = await refusal(client.createWorkPlan({ metadata }));
    expect([error.code, error.reason, error.fields]).toEqual(['INVALID_ARGUMENT', LIMIT, [field]]);
  }
});

test.each([
  ['groups beside each other', { checks: [{ id: 'c', dependencies: { groups: siblings({}) } }] }],
  ['groups with an edge', { checks: [{ id: 'c', dependencies: { groups: siblings({ dependencies: [edge] }) } }] }],
  ['groups that are all wrong', { checks: [{ id: 'c', dependencies: { groups: siblings({ predicate: unknown }) } }] }],
] satisfies readonly (readonly [string, WriteInit])[])('300,000 %s are INVALID_ARGUMENT', async (_, init) => {
  const server = await startGrpc(fakeOrchestrator({}));
  const error = await refusal(turboci(server.client()).writeNodes({ workPlanId: 'p', ...init }));
  expect(error.code).toBe('INVALID_ARGUMENT');
});

function siblings(init: MessageInitShape<typeof DependencyGroupSchema>): DependencyGroup[] {
  return new Array<DependencyGroup>(300_000).fill(group(init));
}
