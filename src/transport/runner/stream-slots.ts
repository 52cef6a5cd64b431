import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import type { Clock } from '../../domain/ports.ts';
import { forgetOnceClosed } from '../http2-stream.ts';
import type { OpenedStream } from './opened-streams.ts';

/** What has not gone out after this time does not go out any more. */
export const SEND_LIMIT_MS = 5000;

/**
 * How many more streams the peer of a connection takes: no stream is opened above its SETTINGS_MAX_CONCURRENT_STREAMS,
 * where it would wait inside of nghttp2, out of sight, and go out in the same breath as the end of another.
 *
 * The place of a stream that was reset comes free when the peer has acknowledged what came after the reset (a frame of
 * SETTINGS without any; unlike pings, they are nothing that servers punish). Servers on Node count a stream for a moment
 * longer than the protocol does, and answer the next with ENHANCE_YOUR_CALM.
 */
export class StreamSlots {
  readonly #clock: Clock;
  readonly #onRoom: () => void;
  readonly #held = new Set<ClientHttp2Stream>();
  readonly #reset = new Set<ClientHttp2Stream>();
  #session: ClientHttp2Session | undefined;
  #isSettling = false;

  /** `onRoom` is called when there may be more room than before, never from within another call. */
  constructor(clock: Clock, onRoom: () => void) {
    this.#clock = clock;
    this.#onRoom = onRoom;
  }

  /** Whether there is a connection whose limit is known. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** Whether one more call may begin beside so many that have no stream yet. The first one finds out about the limit. */
  hasRoom(opening: number): boolean {
    return this.isConnected ? this.#held.size + opening < this.#limit : opening === 0;
  }

  /** Takes note of a stream. */
  opened({ stream, session }: OpenedStream): void {
    if (session !== this.#session) this.#adopt(session);
    this.#held.add(stream);
    stream.once('close', () => this.#closed(stream, session));
    forgetOnceClosed(stream);
    if (this.#held.size > this.#limit) this.#refuseIfUnsent(stream);
    queueMicrotask(this.#onRoom);
  }

  /** The runner's last word. That it has changed is not announced: grpc-js removes what Node needs for that event. */
  get #limit(): number {
    return this.#session?.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
  }

  #adopt(session: ClientHttp2Session): void {
    this.#forget();
    this.#session = session;
    const forget = (): void => {
      if (this.#session !== session) return;
      this.#forget();
      this.#onRoom();
    };
    session.once('goaway', forget);
    session.once('close', forget);
  }

  #forget(): void {
    this.#session = undefined;
    this.#held.clear();
    this.#reset.clear();
    this.#isSettling = false;
  }

  /** The limit was lowered under way, or is 0: such a stream waits in nghttp2, and is withdrawn from there. */
  #refuseIfUnsent(stream: ClientHttp2Stream): void {
    const stop = this.#clock.after(SEND_LIMIT_MS, () => {
      if (stream.state.state !== constants.NGHTTP2_STREAM_STATE_IDLE) return;
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      // It would be closed only when its turn had come.
      stream.destroy();
    });
    stream.once('close', stop);
  }

  #closed(stream: ClientHttp2Stream, session: ClientHttp2Session): void {
    if (session !== this.#session) return;
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) {
      this.#held.delete(stream);
      this.#onRoom();
    } else {
      this.#reset.add(stream);
      this.#settle(session);
    }
  }

  #settle(session: ClientHttp2Session): void {
    if (this.#isSettling || this.#reset.size === 0 || session.destroyed) return;
    this.#isSettling = true;
    const settled = [...this.#reset];
    this.#reset.clear();
    session.settings({}, () => {
      if (session !== this.#session) return;
      this.#isSettling = false;
      for (const stream of settled) this.#held.delete(stream);
      this.#settle(session);
      this.#onRoom();
    });
  }
}
