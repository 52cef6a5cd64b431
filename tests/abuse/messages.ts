import { deflateSync, gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { CreateWorkPlanRequestSchema } from '../../gen/turboci/v1/workplan_pb.js';
import { pathOf } from '../support/client.ts';
import { frame, Http2Peer, type RawAnswer } from '../support/http2-peer.ts';
import { waitFor } from '../support/wait-for.ts';
import { callHeaders, dataFrame, flag, frameType, headersFrame, http2Frame } from './http2-frames.ts';
import { RawPeer } from './raw-peer.ts';
import type { Attack } from './siege.ts';

const CREATE = pathOf(TurboCIOrchestrator.method.createWorkPlan);
const WRITE = pathOf(TurboCIOrchestrator.method.writeNodes);

/** The limit that the server must have for these attacks: a smaller one than usual is reached sooner. */
export const MESSAGE_BYTES: number = 4 * 1024 ** 2;

type Call = {
  readonly path?: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** With which it must be refused; by default any but INTERNAL. */
  readonly code?: string;
};

/** Messages framed by gRPC's five bytes which do not say what follows. */
export const lyingPrefixes: Attack = (port) => {
  const message = Buffer.from(
    toBinary(CreateWorkPlanRequestSchema, create(CreateWorkPlanRequestSchema, { metadata: { a: 'b' } })),
  );
  return answers(port, 20, {
    'longer than what comes': { body: prefixed(message.length + 1, message) },
    'shorter than what comes': { body: prefixed(message.length - 1, message) },
    'of 4 GiB': { body: prefixed(0xffffffff, message) },
    'one byte over the limit': { body: prefixed(MESSAGE_BYTES + 1, message) },
    'half a prefix': { body: Buffer.of(0, 0, 0) },
    'compressed, it says': { body: frame(Buffer.from('not compressed'), { compressed: true }) },
    'compressed in a way of its own': {
      body: Buffer.concat([Buffer.of(255), prefixed(3, Buffer.from('abc')).subarray(1)]),
    },
    'compressed, with a head of gzip only': {
      body: frame(Buffer.from('1f8b0800', 'hex'), { compressed: true }),
      headers: { 'grpc-encoding': 'gzip' },
    },
    'ten thousand empty ones': { body: Buffer.alloc(50_000) },
  });
};

const DEPTH = 100_000;

/** Messages that nest 100,000 deep: whoever reads them with a function for each level exhausts the stack. */
export const deepNesting: Attack = (port) => {
  const check = (fieldNo: number, deep: Buffer) => frame(field(2, field(fieldNo, deep)));
  return answers(port, 3, {
    // CheckWrite.dependencies (5), of which each group is in field 3 of the one around it.
    'dependency groups': { path: WRITE, body: check(5, nested(DEPTH, [3])) },
    // CheckWrite.options (4): Struct.fields (1) → entry's value (2) → Value.struct_value (5), or list_value (6) → values (1).
    'JSON objects': { path: WRITE, body: check(4, nested(DEPTH, [1, 2, 5])) },
    'JSON lists': { path: WRITE, body: check(4, Buffer.concat([field(1, field(2, nested(DEPTH, [6, 1])))])) },
    'groups that nobody knows': { path: WRITE, body: frame(Buffer.alloc(DEPTH, (9 << 3) | 3)) },
    'groups within a known field': { path: WRITE, body: check(5, Buffer.alloc(DEPTH, (9 << 3) | 3)) },
  });
};

/** Few bytes that decompress to a gigabyte, at once, as a chain of members, twice, and as many small messages. */
export const gzipBombs: Attack = (port) => {
  const member = gzipSync(Buffer.alloc(64 * 1024 ** 2));
  const gzip = { 'grpc-encoding': 'gzip' };
  const chain = Buffer.concat(new Array<Buffer>(16).fill(member));
  const small = frame(gzipSync(Buffer.alloc(MESSAGE_BYTES - 1)), { compressed: true });
  return answers(port, 2, {
    'a thousand to one': { body: frame(member, { compressed: true }), headers: gzip, code: 'RESOURCE_EXHAUSTED' },
    'a chain of members': { body: frame(chain, { compressed: true }), headers: gzip, code: 'RESOURCE_EXHAUSTED' },
    'a bomb in a bomb': { body: frame(gzipSync(chain), { compressed: true }), headers: gzip },
    'by deflate': {
      body: frame(deflateSync(Buffer.alloc(64 * 1024 ** 2)), { compressed: true }),
      headers: { 'grpc-encoding': 'deflate' },
      code: 'RESOURCE_EXHAUSTED',
    },
    'many below the limit': { body: Buffer.concat(new Array<Buffer>(64).fill(small)), headers: gzip },
  });
};

/** Far more than a message may have, and far fewer than the largest message has bytes. */
const MOST_CRUMBS = 500_000;
const CRUMBS_AT_A_TIME = 5000;

/** A whole message by one byte a frame: each frame costs the server more than its byte, so that it must be refused. */
export function oneByteFrames(peers: number): Attack {
  const crumbs = Buffer.concat(new Array<Buffer>(CRUMBS_AT_A_TIME).fill(dataFrame(1, Buffer.of(0))));
  const beginning = dataFrame(1, prefixed(MESSAGE_BYTES, Buffer.alloc(0)));
  return async (port) => {
    const attempts = Array.from({ length: peers }, async () => {
      const peer = await RawPeer.greet(port);
      await peer.send(Buffer.concat([headersFrame(1, callHeaders(CREATE)), beginning]));
      let sent = 0;
      while (!peer.isAnswered(1) && sent < MOST_CRUMBS && (await peer.send(crumbs))) sent += CRUMBS_AT_A_TIME;
      await waitFor('a message in crumbs to be refused', () => peer.isAnswered(1) || peer.isClosed);
      // Who goes on all the same is read and forgotten until the stream is reset.
      await peer.repeat(10, () => crumbs);
      peer.destroy();
      return sent;
    });
    const sent = await Promise.all(attempts);
    return `${peers} messages refused after ${Math.min(...sent)} to ${Math.max(...sent)} of ${MESSAGE_BYTES} frames`;
  };
}

/** Empty DATA frames without end (CVE-2019-9518). */
export function emptyFrames(peers: number): Attack {
  const frames = Buffer.concat(new Array<Buffer>(5000).fill(http2Frame({ type: frameType.data, streamId: 1 })));
  return async (port) => {
    const attempts = Array.from({ length: peers }, async () => {
      const peer = await RawPeer.greet(port);
      await peer.send(headersFrame(1, callHeaders(CREATE)));
      const sent = 5000 * (await peer.repeat(100, () => frames));
      await peer.send(http2Frame({ type: frameType.data, flags: flag.endStream, streamId: 1 }));
      peer.destroy();
      return sent;
    });
    return `${peers} peers sent up to ${Math.max(...(await Promise.all(attempts)))} frames`;
  };
}

/** Makes all calls so many times at once; every one of them must be answered, and none accepted. */
async function answers(port: number, times: number, calls: Readonly<Record<string, Call>>): Promise<string> {
  const all = Object.entries(calls).flatMap((entry) => new Array<typeof entry>(times).fill(entry));
  const refusals = all.map(async ([name, { path = CREATE, body, headers, code }]) => {
    const peer = await Http2Peer.connect(port);
    const answer = await peer.call(path, body, headers);
    peer.session.destroy();
    return refusalOf(name, answer, code);
  });
  const codes = new Set(await Promise.all(refusals));
  return `${all.length} calls refused with ${[...codes].join(', ')}`;
}

function refusalOf(name: string, { code, reason }: RawAnswer, expected = code): string {
  if (code !== expected || code === '' || code === 'OK' || code === 'INTERNAL')
    throw new Error(`${name}: answered ${code || 'nothing'}`);
  return `${code} ${reason}`.trim();
}

/** A message after gRPC's head, which says what it likes of its length. */
function prefixed(length: number, message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** A field of protobuf that holds these bytes. */
function field(fieldNo: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of((fieldNo << 3) | 2), varint(bytes.length), bytes]);
}

/** Messages in one another, in the fields of these numbers in turn. */
function nested(depth: number, fieldNos: readonly number[]): Buffer {
  const heads: Buffer[] = [];
  let length = 0;
  for (let level = depth - 1; level >= 0; level--) {
    const head = Buffer.concat([Buffer.of(((fieldNos[level % fieldNos.length] ?? 0) << 3) | 2), varint(length)]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat(heads.toReversed());
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
