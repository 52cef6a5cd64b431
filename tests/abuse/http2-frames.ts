/** What every HTTP/2 connection begins with (RFC 9113, section 3.4). */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Types of frames (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8 } as const;

export type Frame = {
  readonly type: number;
  readonly flags?: number;
  readonly streamId?: number;
  readonly payload?: Buffer;
  /** What the frame says of its payload's length, when that is a lie. */
  readonly claimedLength?: number;
};

/** A frame as it travels, true or not. */
export function http2Frame({ type, flags = 0, streamId = 0, payload = Buffer.alloc(0), claimedLength }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(claimedLength ?? payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export const SETTINGS: Buffer = http2Frame({ type: frameType.settings });

/** Headers as HPACK literals that enter no table, without Huffman codes (RFC 7541, section 6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), hpackString(name), hpackString(value)]));
}

/** The header fields of a gRPC call, and more. */
export function callHeaders(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}

/** A call whose headers are whole and whose body is still to come. */
export function headersFrame(streamId: number, block: Buffer, flags: number = flag.endHeaders): Buffer {
  return http2Frame({ type: frameType.headers, flags, streamId, payload: block });
}

export function resetFrame(streamId: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(8);
  return http2Frame({ type: frameType.rstStream, streamId, payload });
}

export function dataFrame(streamId: number, payload: Buffer, flags = 0): Buffer {
  return http2Frame({ type: frameType.data, flags, streamId, payload });
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([hpackLength(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541, section 5.1). */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
