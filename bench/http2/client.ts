import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { FLAG, FRAME, type Frame, FrameReader, writeFrame } from './frame.ts';
import { SendWindows } from './send-windows.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS_INITIAL_WINDOW_SIZE = 4;
/** What an answer may have: streams are not given more. */
const STREAM_WINDOW = 2 ** 31 - 1;
const CONNECTION_WINDOW = 64 * 1024 * 1024;
const FIRST_WINDOW = 65_535;
/** The largest payload that every peer takes. */
const FRAME_BYTES = 16_384;
/** Before a message: not compressed, and its length. */
const PREFIX_BYTES = 5;

type Call = {
  readonly pieces: Buffer[];
  /** The server has begun to answer. */
  opened?(): void;
  /** With all of its messages, framed. */
  resolve(body: Buffer): void;
  reject(error: Error): void;
};

type Unsent = { readonly stream: number; readonly bytes: Buffer };

/**
 * Calls of gRPC as frames on a socket, and nothing more: on two cores a load generator competes with the server that it
 * measures, and its own pauses are in every latency. This one takes a quarter of the CPU of Node's HTTP/2 client, an eighth
 * once both are warm, and Node's collections of garbage kept calls waiting for up to 35 ms. It reads no headers: a call
 * without a message in its answer has failed, why it does not know, and a stream that fails later seems to be over. Calls
 * at a time beyond what the server takes are reset.
 */
export class Http2Client {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #windows = new SendWindows();
  readonly #calls = new Map<number, Call>();
  #unsent: Unsent[] = [];
  #nextStream = 1;
  #received = 0;
  #isCorked = false;

  constructor(address: string) {
    const [host, port] = address.split(':');
    this.#authority = address;
    this.#socket = connect({ host: host ?? '', port: Number(port), noDelay: true });
    const reader = new FrameReader();
    this.#socket.on('data', (bytes) => {
      for (const frame of reader.read(bytes)) this.#take(frame);
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#failAll());
    const window = Buffer.alloc(6);
    window.writeUInt16BE(SETTINGS_INITIAL_WINDOW_SIZE);
    window.writeUInt32BE(STREAM_WINDOW, 2);
    this.#write(Buffer.from(PREFACE));
    this.#write(writeFrame({ type: FRAME.SETTINGS, flags: FLAG.NONE, stream: 0, payload: window }));
    this.#widen(CONNECTION_WINDOW - FIRST_WINDOW);
  }

  /** A unary call; answers its message. */
  async unary(path: string, message: Buffer): Promise<Buffer> {
    return (await this.#call(path, message)).subarray(PREFIX_BYTES);
  }

  /** Reads a stream to its end: `opened` resolves when the server has accepted it, `last` with its last message. */
  stream(path: string, message: Buffer): { readonly opened: Promise<void>; readonly last: Promise<Buffer> } {
    const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
    const last = this.#call(path, message, resolve).then(lastMessage);
    last.catch(reject);
    return { opened, last };
  }

  #call(path: string, message: Buffer, opened?: () => void): Promise<Buffer> {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return new Promise((resolve, reject) => {
      if (this.#socket.closed) reject(new Error('the connection is closed'));
      this.#calls.set(stream, { pieces: [], resolve, reject, ...(opened === undefined ? {} : { opened }) });
      this.#windows.open(stream);
      const payload = headersOf(path, this.#authority);
      this.#write(writeFrame({ type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream, payload }));
      this.#send({ stream, bytes: framed(message) });
    });
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  /** Sends what there is room for; the rest waits for more. */
  #send({ stream, bytes }: Unsent): void {
    // One that was answered before all of it was sent needs no more.
    if (!this.#calls.has(stream)) return;
    let rest = bytes;
    while (rest.length > 0) {
      const taken = this.#windows.take(stream, Math.min(rest.length, FRAME_BYTES));
      if (taken === 0) {
        this.#unsent.push({ stream, bytes: rest });
        return;
      }
      const flags = taken === rest.length ? FLAG.END_STREAM : FLAG.NONE;
      this.#write(writeFrame({ type: FRAME.DATA, flags, stream, payload: rest.subarray(0, taken) }));
      rest = rest.subarray(taken);
    }
  }

  #sendMore(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const one of unsent) this.#send(one);
  }

  #take({ type, flags, stream, payload }: Frame): void {
    switch (type) {
      case FRAME.DATA:
        this.#calls.get(stream)?.pieces.push(payload);
        this.#received += payload.length;
        if (this.#received > CONNECTION_WINDOW / 2) this.#widen(this.#received);
        break;
      case FRAME.HEADERS:
        if ((flags & FLAG.END_STREAM) === 0) this.#calls.get(stream)?.opened?.();
        break;
      case FRAME.SETTINGS:
        if ((flags & FLAG.ACK) === 0) this.#adopt(payload);
        return;
      case FRAME.PING:
        if ((flags & FLAG.ACK) === 0) this.#write(writeFrame({ type, flags: FLAG.ACK, stream, payload }));
        return;
      case FRAME.WINDOW_UPDATE:
        this.#windows.add(stream, payload.readUInt32BE(0));
        this.#sendMore();
        return;
      case FRAME.RST_STREAM:
        this.#end(stream)?.reject(new Error(`the stream was reset: ${payload.readUInt32BE(0)}`));
        return;
      case FRAME.GOAWAY:
        this.#socket.destroy();
        return;
      default:
        return;
    }
    if ((flags & FLAG.END_STREAM) !== 0) this.#answer(stream);
  }

  #answer(stream: number): void {
    const call = this.#end(stream);
    if (call === undefined) return;
    const { pieces } = call;
    if (pieces.length === 0) call.reject(new Error('the call was answered by an error'));
    else call.resolve(Buffer.concat(pieces));
  }

  #adopt(settings: Buffer): void {
    for (let at = 0; at < settings.length; at += 6) {
      if (settings.readUInt16BE(at) === SETTINGS_INITIAL_WINDOW_SIZE)
        this.#windows.setFirst(settings.readUInt32BE(at + 2));
    }
    this.#write(writeFrame({ type: FRAME.SETTINGS, flags: FLAG.ACK, stream: 0, payload: Buffer.alloc(0) }));
    this.#sendMore();
  }

  /** Lets the server send so much more in all. */
  #widen(bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes);
    this.#write(writeFrame({ type: FRAME.WINDOW_UPDATE, flags: FLAG.NONE, stream: 0, payload }));
    this.#received = 0;
  }

  #end(stream: number): Call | undefined {
    const call = this.#calls.get(stream);
    this.#calls.delete(stream);
    this.#windows.close(stream);
    return call;
  }

  #failAll(): void {
    for (const stream of [...this.#calls.keys()]) this.#end(stream)?.reject(new Error('the connection was closed'));
  }

  /** All that is written in one turn leaves together. */
  #write(bytes: Buffer): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
  }
}

/** The headers of a call, each with the index of its name in HPACK's static table (RFC 7541) and none in the dynamic one. */
function headersOf(path: string, authority: string): Buffer {
  const known = `${path} ${authority}`;
  const block = headerBlocks.get(known) ?? headerBlock(path, authority);
  headerBlocks.set(known, block);
  return block;
}

const headerBlocks = new Map<string, Buffer>();

function headerBlock(path: string, authority: string): Buffer {
  const METHOD_POST = 0x83;
  const SCHEME_HTTP = 0x86;
  return Buffer.concat([
    Buffer.from([METHOD_POST, SCHEME_HTTP]),
    literal([0x04], path),
    literal([0x01], authority),
    literal([0x0f, 0x10], 'application/grpc'),
    Buffer.from([0x00]),
    literal([2, ...Buffer.from('te')], 'trailers'),
  ]);
}

function literal(name: readonly number[], value: string): Buffer {
  return Buffer.from([...name, value.length, ...Buffer.from(value)]);
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, PREFIX_BYTES);
  return frame;
}

function lastMessage(body: Buffer): Buffer {
  let last = body;
  for (let rest = body; rest.length > 0; ) {
    const end = PREFIX_BYTES + rest.readUInt32BE(1);
    last = rest.subarray(PREFIX_BYTES, end);
    rest = rest.subarray(end);
  }
  return last;
}
