/** A frame of HTTP/2 (RFC 9113, section 4.1). */
export type Frame = {
  readonly type: number;
  readonly flags: number;
  /** 0 = the connection. */
  readonly stream: number;
  readonly payload: Buffer;
};

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;

export const FLAG = { NONE: 0, ACK: 1, END_STREAM: 1, END_HEADERS: 4 } as const;

/** Bytes of a frame before its payload. */
const HEAD_BYTES = 9;

export function writeFrame({ type, flags, stream, payload }: Frame): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame.writeUInt8(type, 3);
  frame.writeUInt8(flags, 4);
  frame.writeUInt32BE(stream, 5);
  payload.copy(frame, HEAD_BYTES);
  return frame;
}

/** Cuts what comes from a socket into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole with these bytes. */
  *read(bytes: Buffer): Generator<Frame> {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      yield {
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5) & 0x7fffffff,
        payload: rest.subarray(HEAD_BYTES, end),
      };
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}
