import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { Dice } from '../fault/dice.ts';
import { pathOf } from '../support/client.ts';
import {
  callHeaders,
  dataFrame,
  flag,
  frameType,
  headersFrame,
  http2Frame,
  PREFACE,
  SETTINGS,
} from './http2-frames.ts';
import { RawPeer } from './raw-peer.ts';
import type { Attack } from './siege.ts';

const CALL = callHeaders(pathOf(TurboCIOrchestrator.method.createWorkPlan));

/** Random bytes: from the first one on, after the preface, and in place of a call's frames. */
export function noise(dice: Dice, peers: number): Attack {
  return async (port) => {
    for (let at = 0; at < peers; at++) {
      const bytes = Buffer.from(Array.from({ length: 1 + dice.below(2000) }, () => dice.below(256)));
      const peer = await RawPeer.connect(port);
      await peer.send(
        Buffer.concat([[], [PREFACE], [PREFACE, SETTINGS], [PREFACE, SETTINGS, headersFrame(1, CALL)]][at % 4] ?? []),
      );
      await peer.send(bytes);
      // A frame that these bytes announce may be longer than they are: the server waits for the rest.
      peer.socket.end();
      await peer.hungUp('noise');
    }
    return `${peers} connections hung up`;
  };
}

/** Clients of other protocols, who begin with something else than the preface. */
export const strangers: Attack = (port) =>
  refusals(port, {
    'HTTP/1.1': [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n')],
    'half a preface': [Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    SSH: [Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    TLS: [Buffer.from('16030100f4010000f00303', 'hex')],
    nothing: [Buffer.alloc(100_000)],
  });

/** Each of them a connection error of RFC 9113. */
export const badFrames: Attack = (port) => refusals(port, greeted(BAD_FRAMES));

/** Header blocks that cannot be decoded. */
export const badHpack: Attack = (port) =>
  refusals(
    port,
    greeted(Object.fromEntries(Object.entries(BAD_BLOCKS).map(([name, block]) => [name, [headersFrame(1, block)]]))),
  );

const AT_A_TIME = 10;

type Beginnings = Readonly<Record<string, readonly Buffer[]>>;

const BAD_FRAMES: Beginnings = {
  'a frame larger than allowed': [http2Frame({ type: frameType.data, streamId: 1, claimedLength: 0xffffff })],
  'DATA for no stream': [dataFrame(0, Buffer.from('x'))],
  'DATA for a stream that never was': [dataFrame(99, Buffer.from('x'))],
  'HEADERS of the server': [headersFrame(2, CALL)],
  'HEADERS for no stream': [headersFrame(0, CALL)],
  'HEADERS that depend on themselves': [
    http2Frame({
      type: frameType.headers,
      flags: 0x24,
      streamId: 1,
      payload: Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), CALL]),
    }),
  ],
  'more padding than frame': [
    http2Frame({ type: frameType.data, flags: flag.padded, streamId: 1, payload: Buffer.from([255, 1]) }),
  ],
  'RST_STREAM of four bytes less': [http2Frame({ type: frameType.rstStream, streamId: 1 })],
  'RST_STREAM for a stream that never was': [
    http2Frame({ type: frameType.rstStream, streamId: 9, payload: Buffer.alloc(4) }),
  ],
  'SETTINGS of five bytes': [http2Frame({ type: frameType.settings, payload: Buffer.alloc(5) })],
  'SETTINGS of a stream': [http2Frame({ type: frameType.settings, streamId: 1 })],
  'SETTINGS acknowledged with more': [
    http2Frame({ type: frameType.settings, flags: flag.ack, payload: Buffer.alloc(6) }),
  ],
  'a window that is too large': [http2Frame({ type: frameType.settings, payload: Buffer.from('0004ffffffff', 'hex') })],
  'a frame size that is too small': [
    http2Frame({ type: frameType.settings, payload: Buffer.from('000500000001', 'hex') }),
  ],
  'PUSH_PROMISE of a client': [
    http2Frame({
      type: frameType.pushPromise,
      flags: flag.endHeaders,
      streamId: 1,
      payload: Buffer.from([0, 0, 0, 2]),
    }),
  ],
  'PING of seven bytes': [http2Frame({ type: frameType.ping, payload: Buffer.alloc(7) })],
  'GOAWAY of a stream': [http2Frame({ type: frameType.goaway, streamId: 1, payload: Buffer.alloc(8) })],
  'WINDOW_UPDATE by nothing': [http2Frame({ type: frameType.windowUpdate, payload: Buffer.alloc(4) })],
  'WINDOW_UPDATE beyond the greatest window': [
    http2Frame({ type: frameType.windowUpdate, payload: Buffer.from('7fffffff', 'hex') }),
  ],
  'CONTINUATION of nothing': [http2Frame({ type: frameType.continuation, streamId: 1, payload: CALL })],
  'another frame amid headers': [
    headersFrame(1, CALL, 0),
    http2Frame({ type: frameType.ping, payload: Buffer.alloc(8) }),
  ],
};

const BAD_BLOCKS: Readonly<Record<string, Buffer>> = {
  'index 0': Buffer.of(0x80),
  'an index beyond both tables': Buffer.of(0xff, 0xff, 0x7f),
  'an integer without end': Buffer.alloc(64, 0xff),
  'a string longer than its block': Buffer.of(0x00, 0x7f, 0x80, 0x01),
  'a table of 4 GiB': Buffer.of(0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f),
  "Huffman's end of string within a string": Buffer.of(0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61),
};

function greeted(beginnings: Beginnings): Beginnings {
  return Object.fromEntries(Object.entries(beginnings).map(([name, frames]) => [name, [PREFACE, SETTINGS, ...frames]]));
}

/** Makes sure that the server hangs up on whoever begins like this, ten at a time. */
async function refusals(port: number, beginnings: Beginnings): Promise<string> {
  const all = Object.entries(beginnings);
  for (const [name, bytes] of all) {
    const attempts = Array.from({ length: AT_A_TIME }, async () => {
      const peer = await RawPeer.connect(port);
      await peer.send(Buffer.concat(bytes));
      await peer.hungUp(name);
    });
    await Promise.all(attempts);
  }
  return `${all.length * AT_A_TIME} connections hung up`;
}
