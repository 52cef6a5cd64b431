import type { Socket } from 'node:net';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import { type OpenedStream, onStreamOpened } from './opened-streams.ts';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** A silent connection is probed after this time, and given up by the kernel some ten seconds later. */
const PROBE_AFTER_MS = 30_000;

/**
 * Connections without TLS. This is where grpc-js shows the sockets that it makes, so that three things can be done
 * about them:
 * - Dead peers are found by TCP keepalive. Pings of HTTP/2 would do the same, but gRPC servers hang up on whoever pings
 *   more often than every five minutes, unless they are configured otherwise, and a blocking Run may be silent for long.
 * - Sockets on which no peer ever spoke are destroyed with their connection; grpc-js would wait for its word for ever.
 * - The streams on them can be counted.
 */
export class PlainCredentials extends ChannelCredentials {
  readonly #onStream: (opened: OpenedStream) => void;

  constructor(onStream: (opened: OpenedStream) => void) {
    super();
    this.#onStream = onStream;
  }

  override _isSecure(): boolean {
    return false;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(): SecureConnector {
    const sockets = new Set<Socket>();
    const noCredentials = CallCredentials.createEmpty();
    return {
      connect: async (socket) => {
        socket.setKeepAlive(true, PROBE_AFTER_MS);
        onStreamOpened(socket, this.#onStream);
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        return { socket, secure: false };
      },
      waitForReady: async () => {},
      getCallCredentials: () => noCredentials,
      destroy: () => {
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      },
    };
  }
}
