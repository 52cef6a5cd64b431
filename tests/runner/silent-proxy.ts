import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A hop on the way to a server that can drop packets without a word, as a gateway does that has forgotten a connection. */
export class SilentProxy {
  readonly address: string;
  readonly #links: Set<Link>;

  private constructor(port: number, links: Set<Link>) {
    this.address = `127.0.0.1:${port}`;
    this.#links = links;
  }

  /** Closed after the test. */
  static async start(target: string): Promise<SilentProxy> {
    const links = new Set<Link>();
    const port = Number(target.slice(target.lastIndexOf(':') + 1));
    const server = createServer((near) => void links.add(new Link(near, connect(port, '127.0.0.1'))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      for (const link of links) link.close();
    });
    const address = server.address();
    return new SilentProxy(typeof address === 'object' && address !== null ? address.port : 0, links);
  }

  /** Connections so far. */
  get connections(): number {
    return this.#links.size;
  }

  /** From now on nothing comes through the connections that stand; new ones are as good as ever. */
  goSilent(): void {
    for (const link of this.#links) link.isSilent = true;
  }
}

class Link {
  isSilent = false;
  readonly #ends: readonly [Socket, Socket];

  constructor(near: Socket, far: Socket) {
    this.#ends = [near, far];
    this.#forward(near, far);
    this.#forward(far, near);
  }

  close(): void {
    for (const end of this.#ends) end.destroy();
  }

  #forward(from: Socket, to: Socket): void {
    from.on('data', (chunk) => void (this.isSilent || to.write(chunk)));
    from.on('error', () => {});
    from.on('close', () => void (this.isSilent || to.destroy()));
  }
}
