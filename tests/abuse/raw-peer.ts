import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from '../support/wait-for.ts';
import { frameType, PREFACE, SETTINGS } from './http2-frames.ts';

const FRAME_HEAD_BYTES = 9;

/** A TCP connection to the server that sends whatever bytes. It reads what comes, unless it is paused. */
export class RawPeer {
  readonly socket: Socket;
  readonly #closed: Promise<void>;
  #isClosed = false;
  #rest: Buffer = Buffer.alloc(0);
  readonly #answered = new Set<number>();
  #written: (isTaken: boolean) => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => {});
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#written(false);
        resolve();
      });
    });
  }

  /** Without a word. */
  static async connect(port: number): Promise<RawPeer> {
    const peer = new RawPeer(connect({ port, host: '127.0.0.1', noDelay: true }));
    await once(peer.socket, 'connect');
    return peer;
  }

  /** With the preface of an HTTP/2 client and its settings. */
  static async greet(port: number, settings: Buffer = SETTINGS): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.socket.write(Buffer.concat([PREFACE, settings]));
    return peer;
  }

  /** Whether the server hung up. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the bytes have left, or with false when the server has hung up. One `send` at a time. */
  send(bytes: Buffer): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#written = resolve;
      this.socket.write(bytes, (error) => resolve(!error));
    });
  }

  /** Sends such bytes so many times, or until the server hangs up; answers how often it did. */
  async repeat(times: number, bytes: (at: number) => Buffer): Promise<number> {
    for (let at = 0; at < times; at++) if (!(await this.send(bytes(at)))) return at;
    return times;
  }

  /** Whether the server has sent headers, or a reset, of this stream. */
  isAnswered(streamId: number): boolean {
    return this.#answered.has(streamId);
  }

  /** Resolves when the server has hung up. */
  async hungUp(why: string): Promise<void> {
    await within(`the server to hang up: ${why}`, this.#closed);
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const type = this.#rest.readUInt8(3);
      if (type === frameType.headers || type === frameType.rstStream) this.#answered.add(this.#rest.readUInt32BE(5));
      this.#rest = this.#rest.subarray(end);
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}
