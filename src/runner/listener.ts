import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Socket } from 'node:net';
import { hostAndPort, socketPath } from './address.ts';

/**
 * A listening socket. It is not grpc-js's own, which writes to the console when it cannot listen, keeps the reason to
 * itself, and is stopped for ever by the socket file of a process that was killed.
 */
export class Listener {
  readonly #server;

  constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer({ noDelay: true }, onConnection);
  }

  /** Resolves with the port (0 for a Unix socket) when connections are accepted; rejects with Node's error if not. */
  async listen(address: string): Promise<number> {
    this.#server.listen(await listenOptions(address));
    await once(this.#server, 'listening');
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? 0 : bound.port;
  }

  /** Accepts no more connections; those that stand are left alone. */
  close(): void {
    if (this.#server.listening) this.#server.close();
  }
}

async function listenOptions(address: string): Promise<ListenOptions> {
  const path = socketPath(address);
  if (path === undefined) return hostAndPort(address);
  if (await isLeftOver(path)) await unlink(path);
  return { path };
}

/** Whether the path is a socket on which nobody listens: what a killed process leaves behind. */
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
