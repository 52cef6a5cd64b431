import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, describe, expect, test } from 'vitest';
import { CheckState, StageState } from '../../../gen/turboci/v1/common_pb.js';
import {
  QueryNodesRequestSchema,
  QueryNodesResponseSchema,
  TurboCIExecutor,
  TurboCIOrchestrator,
  WriteNodesRequestSchema,
} from '../../../gen/turboci/v1/service_pb.js';
import { pathOf } from '../../support/client.ts';
import { all, onCheck, onStage } from './harness/groups.ts';
import type { WriteInit } from './harness/plan.ts';
import { type Expected, refused } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const invalid: Expected = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' };
/** A number that no enum has. */
const UNHEARD_OF: number = 77;

afterAll(async () => {
  const plan = await server.plan();
  expect(await plan.writeCheck({ id: 'alive' }), 'the server survives all of this').toMatchObject({ id: 'alive' });
});

describe('semantics 11: ids are 1–256 bytes of UTF-8 without control characters', () => {
  const good = [
    'a',
    ' ',
    ':',
    '/',
    'a:b/c@1.2?x=#',
    'ü'.repeat(128),
    'x'.repeat(256),
    '😀'.repeat(64),
    '__proto__',
    'constructor',
  ];
  test.each(good)('%j is fine', async (id) => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id }, { id: 'depends', dependencies: all(onCheck(id)) }],
      stages: [{ id, dependencies: all(onCheck(id)), assignments: [{ targetCheckId: id }] }],
    });
    expect(await plan.check(id)).toMatchObject({ id, state: CheckState.PLANNING });
    await plan.pass(id);
    await plan.complete(id);
    expect(await plan.stage(id)).toMatchObject({ id, state: StageState.FINAL });
  });

  const bad = ['', 'x'.repeat(257), 'ü'.repeat(129), '\u0000', 'a\nb', 'a\tb', '\u007f', '\u0085', 'a\u001b[31m'];
  test.each(bad)('%j is refused everywhere', async (id) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'known' }] });
    const writes: readonly { write: WriteInit; field: string }[] = [
      { write: { checks: [{ id: 'fine' }, { id }] }, field: 'checks[1].id' },
      { write: { stages: [{ id }] }, field: 'stages[0].id' },
      {
        write: { checks: [{ id: 'c', dependencies: all(onCheck('known'), onStage(id)) }] },
        field: 'checks[0].dependencies.dependencies[1].target_id',
      },
      {
        write: { stages: [{ id: 's', continuationGroup: all(all(onCheck(id))) }] },
        field: 'stages[0].continuation_group.groups[0].dependencies[0].target_id',
      },
      {
        write: { stages: [{ id: 's', assignments: [{ targetCheckId: id }] }] },
        field: 'stages[0].assignments[0].target_check_id',
      },
      { write: { attempt: { stageId: id, attemptIdx: 1 }, checks: [{ id: 'c' }] }, field: 'attempt.stage_id' },
    ];
    for (const { write, field } of writes) await plan.refuses(write, { ...invalid, field });
    const call = { workPlanId: plan.id, stageId: id };
    await refused(server.calls.runStage(call), { ...invalid, field: 'stage_id' });
    await refused(server.calls.cancelStage(call), { ...invalid, field: 'stage_id' });
    await refused(server.calls.getWorkPlan({ id }), { ...invalid, field: 'id' });
    await refused(server.calls.cancelWorkPlan({ id }), { ...invalid, field: 'id' });
    await refused(server.calls.writeNodes({ workPlanId: id }), { ...invalid, field: 'work_plan_id' });
    await refused(server.calls.queryNodes({ workPlanId: id }), { ...invalid, field: 'work_plan_id' });
  });
});

describe('semantics 10: unknown enum numbers are INVALID_ARGUMENT', () => {
  const cases: readonly { field: string; write: (value: number) => WriteInit }[] = [
    { field: 'checks[0].state', write: (state) => ({ checks: [{ id: 'c', state }] }) },
    { field: 'stages[0].state', write: (state) => ({ stages: [{ id: 's', state }] }) },
    {
      field: 'stages[0].current_attempt.state',
      write: (state) => ({ stages: [{ id: 's', currentAttempt: { state } }] }),
    },
    { field: 'stages[0].execution_mode', write: (executionMode) => ({ stages: [{ id: 's', executionMode }] }) },
    {
      field: 'stages[0].assignments[0].goal_state',
      write: (goalState) => ({ stages: [{ id: 's', assignments: [{ targetCheckId: 'known', goalState }] }] }),
    },
    {
      field: 'checks[0].dependencies.predicate',
      write: (predicate) => ({
        checks: [{ id: 'c', dependencies: { predicate, dependencies: [{ targetId: 'known' }] } }],
      }),
    },
    {
      field: 'checks[0].dependencies.dependencies[0].condition',
      write: (condition) => ({
        checks: [{ id: 'c', dependencies: { dependencies: [{ targetId: 'known', condition }] } }],
      }),
    },
    {
      field: 'checks[0].dependencies.dependencies[0].target_type',
      write: (targetType) => ({
        checks: [{ id: 'c', dependencies: { dependencies: [{ targetId: 'known', targetType }] } }],
      }),
    },
    { field: 'response_view', write: (responseView) => ({ checks: [{ id: 'c' }], responseView }) },
  ];
  test.each(cases)('$field', async ({ field, write }) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'known' }] });
    for (const value of [UNHEARD_OF, -1, 5]) await plan.refuses(write(value), { ...invalid, field });
  });
});

describe('semantics 10: duplicates in one request', () => {
  test('a check, a stage; not one of each', async () => {
    const plan = await server.plan();
    const expected: Expected = { code: 'INVALID_ARGUMENT', reason: 'DUPLICATE_NODE' };
    await plan.refuses({ checks: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] }, { ...expected, field: 'checks[2].id' });
    await plan.refuses({ stages: [{ id: 'a' }, { id: 'a' }] }, { ...expected, field: 'stages[1].id' });
    await plan.write({ checks: [{ id: 'a' }], stages: [{ id: 'a' }] });
    await plan.refuses({ checks: [{ id: 'a' }, { id: 'a', state: CheckState.FINAL }] }, expected);
  });
});

describe('semantics 11: metadata', () => {
  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${i}`, 'value']));
  const good = [
    { name: '64 pairs', metadata: pairs(64) },
    { name: 'a key of 256 bytes', metadata: { ['ü'.repeat(128)]: '' } },
    { name: 'a value of 4 KiB', metadata: { key: 'ü'.repeat(2048) } },
  ];
  test.each(good)('$name', async ({ metadata }) => {
    expect((await (await server.plan({ metadata })).get()).metadata).toEqual(metadata);
  });

  const bad = [
    { name: '65 pairs', metadata: pairs(65) },
    { name: 'a key of 257 bytes', metadata: { ['x'.repeat(257)]: '' } },
    { name: 'a key of 258 bytes in 129 characters', metadata: { ['ü'.repeat(129)]: '' } },
    { name: 'a value of 4 KiB + 1', metadata: { key: 'x'.repeat(4097) } },
  ];
  test.each(bad)('$name is refused', async ({ metadata }) => {
    const refusal = await refused(server.plan({ metadata }), {
      code: 'INVALID_ARGUMENT',
      reason: ['INVALID_FIELD', 'REQUEST_LIMIT_EXCEEDED'],
    });
    expect(refusal.fields[0]).toMatch(/^metadata/);
  });
});

describe('semantics 11: graphs', () => {
  const tooLarge: Expected = { code: 'INVALID_ARGUMENT', reason: ['REQUEST_LIMIT_EXCEEDED', 'INVALID_FIELD'] };
  const checks = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `c${i}` }));

  test('nodes in a write: 20,000, checks and stages together', async () => {
    const plan = await server.plan();
    await refused(plan.write({ checks: checks(20_001) }), tooLarge);
    await refused(plan.write({ checks: checks(15_000), stages: checks(5001) }), tooLarge);
    expect(await plan.get()).toMatchObject({ version: 1n });
    await plan.write({ checks: checks(15_000), stages: checks(5000), responseView: 1 });
    expect(await plan.get()).toMatchObject({
      version: 2n,
      nodeCounts: { checksByState: { 10: 15_000 }, stagesByState: { 20: 5000 } },
    });
  });

  test('edges of a node: 10,000', async () => {
    const plan = await server.plan();
    const targets = checks(10_001);
    await plan.write({ checks: targets, responseView: 1 });
    const edges = targets.map(({ id }) => onCheck(id));
    await refused(plan.write({ checks: [{ id: 'w', dependencies: all(...edges) }] }), tooLarge);
    await refused(
      plan.write({ stages: [{ id: 's', dependencies: all(all(...edges.slice(0, 5000)), all(...edges.slice(5000))) }] }),
      tooLarge,
    );
    expect(await plan.get()).toMatchObject({ version: 2n });
    await plan.write({ checks: [{ id: 'w', dependencies: all(...edges.slice(1)) }], responseView: 1 });
    expect((await plan.check('w')).dependencies?.dependencies).toHaveLength(10_000);
  });

  test('nesting of groups: 16', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'a' }] });
    const nested = (depth: number) =>
      Array.from({ length: depth - 1 }).reduce<ReturnType<typeof all>>((group) => all(group), all(onCheck('a')));
    for (const depth of [17, 18, 100]) {
      await plan.refuses({ checks: [{ id: 'w', dependencies: nested(depth) }] }, tooLarge);
      await plan.refuses({ stages: [{ id: 's', continuationGroup: nested(depth) }] }, tooLarge);
    }
    await plan.write({ checks: [{ id: 'w', state: CheckState.PLANNED, dependencies: nested(16) }] });
    await plan.pass('a');
    expect(await plan.check('w')).toMatchObject({ state: CheckState.WAITING });
  });
});

describe('semantics 11: JSON', () => {
  const MIB = 1024 * 1024;
  const tooLarge: Expected = { code: 'INVALID_ARGUMENT', reason: ['REQUEST_LIMIT_EXCEEDED', 'INVALID_FIELD'] };
  /** The ways in which JSON comes in. */
  const places: readonly { field: string; write: (json: Record<string, string>) => WriteInit }[] = [
    { field: 'checks[0].options', write: (options) => ({ checks: [{ id: 'c', options }] }) },
    {
      field: 'checks[0].result.data',
      write: (data) => ({
        checks: [{ id: 'c', state: CheckState.FINAL, result: { ownerType: 'ci', ownerId: '1', data } }],
      }),
    },
    { field: 'stages[0].args', write: (args) => ({ stages: [{ id: 's', args }] }) },
    {
      field: 'stages[0].current_attempt.details',
      write: (details) => ({ stages: [{ id: 's', currentAttempt: { details } }] }),
    },
    {
      field: 'stages[0].current_attempt.progress.details',
      write: (details) => ({ stages: [{ id: 's', currentAttempt: { progress: { message: 'x', details } } }] }),
    },
  ];
  /** An object of that many bytes as JSON text. */
  const ofSize = (bytes: number) => ({ x: 'a'.repeat(bytes - '{"x":""}'.length) });
  const lists = (depth: number): unknown => (depth === 0 ? 'leaf' : [lists(depth - 1)]);
  const objects = (depth: number): unknown => (depth === 0 ? 'leaf' : { k: objects(depth - 1) });
  const json = (value: unknown): Record<string, string> => JSON.parse(JSON.stringify(value));

  test.each(places)('$field: 1 MiB', async ({ field, write }) => {
    const plan = await server.plan();
    const refusal = await refused(plan.write(write(ofSize(MIB + 1))), tooLarge);
    expect(refusal.fields[0]).toMatch(field);
    await refused(plan.write(write({ ü: 'ü'.repeat(MIB / 2) })), tooLarge);
    expect(await plan.get()).toMatchObject({ version: 1n });
    await plan.write({ ...write(ofSize(MIB)), responseView: 1 });
    expect(await plan.get()).toMatchObject({ version: 2n });
  });

  test.each(places)('$field: depth 64, objects and lists, the top level as 1', async ({ field, write }) => {
    const plan = await server.plan();
    const deep = [
      objects(65),
      { k: lists(64) },
      { short: 1, k: [objects(63)] },
      objects(66),
      objects(200),
      objects(1000),
      { k: lists(1000) },
    ];
    for (const value of deep) {
      const refusal = await refused(plan.write(write(json(value))), {
        ...tooLarge,
        reason: [...[tooLarge.reason ?? []].flat(), 'MALFORMED_MESSAGE'],
      });
      if (refusal.reason !== 'MALFORMED_MESSAGE') expect(refusal.fields[0]).toMatch(field);
    }
    expect(await plan.get()).toMatchObject({ version: 1n });
    const accepted = json({ list: lists(63), object: objects(63) });
    await plan.write({ ...write(accepted), responseView: 1 });
    expect(await plan.get()).toMatchObject({ version: 2n });
    const request = toBinary(QueryNodesRequestSchema, create(QueryNodesRequestSchema, { workPlanId: plan.id }));
    const answer = await server.client.callRaw(pathOf(TurboCIOrchestrator.method.queryNodes), request);
    // Three messages a level, while most runtimes read 100 unless told otherwise.
    const { checks, stages } = fromBinary(QueryNodesResponseSchema, answer, { recursionLimit: 1000 });
    const attempt = stages[0]?.attempts[0];
    const places = [
      checks[0]?.options,
      checks[0]?.results[0]?.data,
      stages[0]?.args,
      attempt?.details,
      attempt?.progress[0]?.details,
    ];
    expect(places).toContainEqual(accepted);
  });

  test('a size reached only by merging is RESOURCE_EXHAUSTED', async () => {
    const plan = await server.plan();
    const part = (key: string) => ({ [key]: 'a'.repeat(600 * 1024) });
    const exhausted: Expected = { code: 'RESOURCE_EXHAUSTED', reason: 'JSON_SIZE_LIMIT' };
    await plan.write({
      checks: [{ id: 'c', options: part('one') }],
      stages: [{ id: 's', currentAttempt: { details: part('one') } }],
    });
    await plan.refuses({ checks: [{ id: 'c', options: part('two') }] }, exhausted);
    await plan.refuses({ stages: [{ id: 's', currentAttempt: { details: part('two') } }] }, exhausted);
    await plan.write({ checks: [{ id: 'c', options: { one: null, ...part('two') } }] });
  });

  test('any key is a key', async () => {
    const plan = await server.plan();
    const options = JSON.parse(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":1},"":"empty","a.b":[null,1.5,-0,1e300]}',
    );
    await plan.write({ checks: [{ id: 'c', options }] });
    await plan.write({ checks: [{ id: 'c', options: JSON.parse('{"__proto__":{"more":1}}') }] });
    const stored = JSON.stringify((await plan.check('c')).options);
    expect(JSON.parse(stored)).toEqual(
      JSON.parse(
        '{"__proto__":{"polluted":true,"more":1},"constructor":{"prototype":1},"":"empty","a.b":[null,1.5,0,1e300]}',
      ),
    );
    expect(Object.keys(JSON.parse(stored))).toContain('__proto__');
    expect('polluted' in {}).toBe(false);
  });
});

describe('semantics 10: bytes that are no message', () => {
  const { method } = TurboCIOrchestrator;
  const writeNodes = pathOf(method.writeNodes);
  const malformed: Expected = { code: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' };
  const field = (no: number, bytes: Uint8Array) =>
    new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(bytes).finish();
  const NOISE = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

  const calls = [...Object.values(method), ...Object.values(TurboCIExecutor.method)].filter(
    ({ methodKind, name }) => methodKind === 'unary' && /WorkPlan|Nodes|Stage$/.test(name),
  );
  test.each(calls.map((call) => ({ name: call.name, path: pathOf(call) })))('$name', async ({ path }) => {
    await refused(server.client.callRaw(path, NOISE), malformed);
  });

  test.each([
    { name: 'cut off', bytes: Uint8Array.from([0x0a, 0x20, 0x61]) },
    { name: 'a field number 0', bytes: Uint8Array.from([0x02, 0x00]) },
    { name: 'invalid UTF-8 in an id', bytes: field(1, Uint8Array.from([0xc3, 0x28])) },
    { name: 'invalid UTF-8 deeper', bytes: field(2, field(1, Uint8Array.from([0x80]))) },
    { name: 'invalid UTF-8: a surrogate', bytes: field(21, Uint8Array.from([0xed, 0xa0, 0x80])) },
    { name: 'a submessage that is none', bytes: field(2, NOISE) },
  ])('$name', async ({ bytes }) => {
    await refused(server.client.callRaw(writeNodes, bytes), malformed);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a number that JSON lacks: %d',
    async (value) => {
      const plan = await server.plan();
      const number = new BinaryWriter().tag(2, WireType.Bit64).double(value).finish();
      const entry = Buffer.concat([field(1, Buffer.from('x')), field(2, number)]);
      const check = Buffer.concat([field(1, Buffer.from('c')), field(4, field(1, entry))]);
      const request = Buffer.concat([field(1, Buffer.from(plan.id)), field(2, check)]);
      await refused(server.client.callRaw(writeNodes, request), { code: 'INVALID_ARGUMENT' });
      expect(await plan.get()).toMatchObject({ version: 1n });
    },
  );

  test.each([
    { name: 'a time before year 1', occurredAt: { seconds: -62_135_596_801n, nanos: 0 } },
    { name: 'a time after year 9999', occurredAt: { seconds: 253_402_300_800n, nanos: 0 } },
    { name: 'negative nanos', occurredAt: { seconds: 1n, nanos: -1 } },
    { name: 'a whole second of nanos', occurredAt: { seconds: 1n, nanos: 1_000_000_000 } },
  ])('$name', async ({ occurredAt }) => {
    const plan = await server.plan();
    await plan.write({ stages: [{ id: 's' }] });
    const stages = [{ id: 's', currentAttempt: { failure: { message: 'x', occurredAt } } }];
    await plan.refuses({ stages }, { code: 'INVALID_ARGUMENT' });
  });
});

describe('semantics 11: message size', () => {
  test('16 MiB are taken, one byte more is RESOURCE_EXHAUSTED', async () => {
    const plan = await server.plan();
    const ofSize = (bytes: number) => {
      const request = (pad: number) =>
        create(WriteNodesRequestSchema, {
          workPlanId: plan.id,
          responseView: 1,
          checks: Array.from({ length: 17 }, (_, i) => ({
            id: `c${i}`,
            options: { x: 'a'.repeat(i === 16 ? pad : 1_000_000) },
          })),
        });
      const guess = bytes - toBinary(WriteNodesRequestSchema, request(0)).length;
      const least = Array.from({ length: 40 }, (_, less) => guess - less);
      const pad = least.find((length) => toBinary(WriteNodesRequestSchema, request(length)).length === bytes);
      return toBinary(WriteNodesRequestSchema, request(pad ?? expect.fail(`no request of ${bytes} bytes`)));
    };
    const limit = 16 * 1024 * 1024;
    const path = pathOf(TurboCIOrchestrator.method.writeNodes);
    await refused(server.client.callRaw(path, ofSize(limit + 1)), {
      code: 'RESOURCE_EXHAUSTED',
      reason: 'MESSAGE_TOO_LARGE',
    });
    expect(await plan.get()).toMatchObject({ version: 1n });
    await server.client.callRaw(path, ofSize(limit));
    expect(await plan.get()).toMatchObject({ version: 2n });
  });
});
