import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where a server listens. */
export type ListenOptions =
  | { readonly kind: 'TCP'; readonly host: string; readonly port: number }
  | { readonly kind: 'UNIX'; readonly path: string };

/** Owner only, from the moment the socket file exists. */
const SOCKET_UMASK = 0o177;

/** A listening socket and the connections that came through it. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #whenIdle: (() => void) | undefined;

  constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        if (this.#sockets.size === 0) this.#whenIdle?.();
      });
      onConnection(socket);
    });
  }

  /** Resolves when connections are accepted, with the port (0 for a Unix socket); rejects with Node's error if not. */
  async listen(options: ListenOptions): Promise<number> {
    if (options.kind === 'TCP') {
      this.#server.listen({ host: options.host, port: options.port });
      await once(this.#server, 'listening');
    } else {
      await this.#listenOnPath(options.path);
    }
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  async #listenOnPath(path: string): Promise<void> {
    if (await isLeftOver(path)) await unlink(path);
    // The file is made inside this call of listen, so no other code runs with the mask, and nobody sees another mode.
    const usual = process.umask(SOCKET_UMASK);
    try {
      this.#server.listen({ path });
    } finally {
      process.umask(usual);
    }
    await once(this.#server, 'listening');
  }

  /** Accepts no more connections; those that stand are left alone. */
  stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves when all connections are closed. */
  async idle(): Promise<void> {
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  /** Cuts all connections. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Whether the path is a socket on which nobody listens: what a killed server leaves behind. */
async function isLeftOver(path: string): Promise<boolean> {
  const isSocket = await lstat(path).then(
    (file) => file.isSocket(),
    () => false,
  );
  if (!isSocket) return false;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
  } finally {
    probe.destroy();
  }
}
