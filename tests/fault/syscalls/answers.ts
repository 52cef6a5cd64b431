import type { RecordedCall } from './record.ts';

/** The message of an answer, and the first call that carried a byte of it: its index among the recorded calls. */
export type SentAnswer = { readonly at: number; readonly message: Buffer };

const FRAME_HEADER = 9;
const DATA = 0;
const STREAM_ID_MASK = 0x7fff_ffff;
/** In front of every gRPC message: a flag and its length. */
const MESSAGE_PREFIX = 5;

/** The messages that a recorded server has sent over its sockets, in the order in which they left. */
export function answersIn(calls: readonly RecordedCall[]): readonly SentAnswer[] {
  const sockets = new Map<string, FrameReader>();
  const answers = calls.flatMap((call, at) => {
    if (call.kind !== 'send') return [];
    const reader = sockets.get(call.socket) ?? new FrameReader();
    sockets.set(call.socket, reader);
    return reader.read(call.bytes, at);
  });
  return answers.toSorted((one, other) => one.at - other.at);
}

/** Cuts what was sent over one connection into HTTP/2 frames, and joins those with data into messages. */
class FrameReader {
  #rest = Buffer.alloc(0);
  /** The call that carried the first byte of what is left. */
  #restAt = 0;
  readonly #messages = new Map<number, { at: number; bytes: Buffer }>();

  read(bytes: Buffer, at: number): readonly SentAnswer[] {
    const answers: SentAnswer[] = [];
    if (this.#rest.length === 0) this.#restAt = at;
    let left = Buffer.concat([this.#rest, bytes]);
    while (left.length >= FRAME_HEADER && left.length >= FRAME_HEADER + left.readUIntBE(0, 3)) {
      const end = FRAME_HEADER + left.readUIntBE(0, 3);
      if (left[3] === DATA)
        answers.push(...this.#data(left.readUInt32BE(5) & STREAM_ID_MASK, left.subarray(FRAME_HEADER, end)));
      left = left.subarray(end);
      this.#restAt = at;
    }
    this.#rest = left;
    return answers;
  }

  #data(stream: number, bytes: Buffer): readonly SentAnswer[] {
    const begun = this.#messages.get(stream) ?? { at: this.#restAt, bytes: Buffer.alloc(0) };
    const message = { at: begun.at, bytes: Buffer.concat([begun.bytes, bytes]) };
    this.#messages.set(stream, message);
    const isWhole =
      message.bytes.length >= MESSAGE_PREFIX && message.bytes.length >= MESSAGE_PREFIX + message.bytes.readUInt32BE(1);
    return isWhole ? [{ at: message.at, message: message.bytes.subarray(MESSAGE_PREFIX) }] : [];
  }
}
