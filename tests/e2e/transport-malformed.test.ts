import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { DependencyGroupSchema } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator, WriteNodesRequestSchema } from '../../gen/turboci/v1/service_pb.js';
import { CreateWorkPlanRequestSchema } from '../../gen/turboci/v1/workplan_pb.js';
import { pathOf, turboci } from '../support/client.ts';
import { fakeOrchestrator, plan } from '../support/fake-orchestrator.ts';
import { startGrpc, type TestServer, type TestServerOptions } from '../support/grpc-test-server.ts';
import { frame, Http2Peer } from '../support/http2-peer.ts';
import { refusal } from '../support/rpc-error.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** A server that knows CreateWorkPlan only, and fails the test when it is not there any more at its end. */
async function withServer(options: TestServerOptions, attack: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startGrpc(fakeOrchestrator({ createWorkPlan: async () => plan('fine') }), options);
  await attack(server);
  expect((await turboci(server.client()).createWorkPlan({})).workPlan?.id).toBe('fine');
}

/** `depth` messages, each the only thing in field `fieldNo` of the next. */
function nested(depth: number, fieldNo: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.concat([Buffer.from([(fieldNo << 3) | 2]), varint(length)]);
    parts.push(head);
    length += head.length;
  }
  return Buffer.concat(parts.toReversed());
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

test.each([
  ['a field number of zero', Buffer.from([0x00, 0x01])],
  ['an end in the middle of a field', Buffer.from([0x0a, 0x7f, 0x01])],
  ['an unending number', Buffer.from([0x0a, ...new Array<number>(20).fill(0xff)])],
  ['an end of a group that never began', Buffer.from([0x0c])],
  ['noise', Buffer.from('not a message at all, sorry')],
])('bytes that are no message: %s', async (_, bytes) => {
  await withServer({}, async (server) => {
    const error = await refusal(server.client().callRaw(pathOf(writeNodes), bytes));
    expect([error.code, error.reason]).toEqual(['INVALID_ARGUMENT', 'MALFORMED_MESSAGE']);
    expect(error.badRequest).toBeDefined();
    expect(error.message).toContain('turboci.v1.WriteNodesRequest');
  });
});

test('invalid UTF-8 is no message', async () => {
  await withServer({}, async (server) => {
    const id = Buffer.from([0x0a, 0x02, 0xc3, 0x28]);
    const error = await refusal(server.client().callRaw(pathOf(TurboCIOrchestrator.method.getWorkPlan), id));
    expect([error.code, error.reason]).toEqual(['INVALID_ARGUMENT', 'MALFORMED_MESSAGE']);
  });
});

test.each([
  ['groups', 3],
  ['unknown groups', undefined],
])('a nesting of 100,000 %s ends the call, not the server', async (_, fieldNo) => {
  const depth = 100_000;
  const deep = fieldNo === undefined ? Buffer.alloc(depth, (9 << 3) | 3) : nested(depth, fieldNo);
  const group = Buffer.concat([Buffer.from([0x2a]), varint(deep.length), deep]);
  const request = Buffer.concat([Buffer.from([0x12]), varint(group.length), group]);
  await withServer({}, async (server) => {
    const error = await refusal(server.client().callRaw(pathOf(writeNodes), request));
    expect([error.code, error.reason]).toEqual(['INVALID_ARGUMENT', 'MALFORMED_MESSAGE']);
  });
});

test('groups that nest one too deep are named by their path', async () => {
  let group = create(DependencyGroupSchema, { dependencies: [{ targetId: 'a' }] });
  for (let level = 1; level < 17; level++) group = create(DependencyGroupSchema, { groups: [group] });
  await withServer({}, async (server) => {
    const request = create(WriteNodesRequestSchema, { workPlanId: 'p', checks: [{ id: 'c', dependencies: group }] });
    const error = await refusal(
      server.client().callRaw(pathOf(writeNodes), toBinary(WriteNodesRequestSchema, request)),
    );
    expect([error.code, error.reason]).toEqual(['INVALID_ARGUMENT', 'REQUEST_LIMIT_EXCEEDED']);
    expect(error.fields).toEqual([`checks[0].dependencies${'.groups[0]'.repeat(16)}`]);
  });
});

test('a message that is too large is RESOURCE_EXHAUSTED', async () => {
  await withServer({ limits: { messageBytes: 1024 } }, async (server) => {
    const request = toBinary(
      CreateWorkPlanRequestSchema,
      create(CreateWorkPlanRequestSchema, { metadata: { key: 'x'.repeat(2000) } }),
    );
    const error = await refusal(server.client().callRaw(pathOf(createWorkPlan), request));
    expect([error.code, error.reason]).toEqual(['RESOURCE_EXHAUSTED', 'MESSAGE_TOO_LARGE']);
    expect(error.quota).toBeDefined();
  });
});

test('an announced length of 4 GiB is refused at once', async () => {
  await withServer({}, async (server) => {
    const peer = await Http2Peer.connect(server.port);
    const answer = await peer.call(pathOf(createWorkPlan), Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
    expect(answer.code).toBe('RESOURCE_EXHAUSTED');
  });
});

test('a gzip bomb is given up at the limit', async () => {
  await withServer({}, async (server) => {
    // A gigabyte in members of 64 MiB each: a gzip file may have many.
    const bomb = Buffer.concat(new Array<Buffer>(16).fill(gzipSync(Buffer.alloc(64 * 1024 ** 2))));
    expect(bomb.length).toBeLessThan(2 * 1024 ** 2);
    const before = process.memoryUsage().rss;
    const peer = await Http2Peer.connect(server.port);
    const answer = await peer.call(pathOf(createWorkPlan), frame(bomb, { compressed: true }), {
      'grpc-encoding': 'gzip',
    });
    expect([answer.code, answer.reason]).toEqual(['RESOURCE_EXHAUSTED', 'MESSAGE_TOO_LARGE']);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
  });
});

test.each([
  [
    'compressed bytes that are not',
    frame(Buffer.from('not gzip'), { compressed: true }),
    { 'grpc-encoding': 'gzip' },
    'INVALID_ARGUMENT',
  ],
  [
    'an unknown compression',
    frame(Buffer.from('abc'), { compressed: true }),
    { 'grpc-encoding': 'zstd' },
    'UNIMPLEMENTED',
  ],
  ['a timeout that is none', frame(Buffer.alloc(0)), { 'grpc-timeout': 'soon' }, 'INVALID_ARGUMENT'],
  ['no message', Buffer.alloc(0), {}, 'INVALID_ARGUMENT'],
  ['two messages', Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(0))]), {}, 'INVALID_ARGUMENT'],
] as const)('%s: a status with details', async (_, body, headers, code) => {
  await withServer({}, async (server) => {
    const peer = await Http2Peer.connect(server.port);
    const answer = await peer.call(pathOf(createWorkPlan), body, headers);
    expect(answer.code).toBe(code);
    expect(answer.reason).not.toBe('');
  });
});

test('a call that is not gRPC is refused as HTTP', async () => {
  await withServer({}, async (server) => {
    const peer = await Http2Peer.connect(server.port);
    const answer = await peer.call(pathOf(createWorkPlan), Buffer.from('{}'), { 'content-type': 'application/json' });
    expect(answer.httpStatus).toBe(415);
  });
});
