import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { TestClient } from '../../support/client.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { type Exit, ServerProcess } from '../../support/server-process.ts';
import type { Stageable } from './server.ts';

type Env = Readonly<Record<string, string>>;

/** Below the ports that Linux gives to connections: nobody takes it while the server is down. */
const PORTS = { first: 20_000, count: 12_000 };

/** A server in a process of its own, which a test kills and starts again at the same address; gone after the test. */
export class MortalServer {
  readonly path: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #env: Env;
  #process: ServerProcess;
  #client: TestClient;

  private constructor(folder: string, port: number, env: Env) {
    this.#folder = folder;
    this.path = join(folder, 'turboci.db');
    this.#port = port;
    this.#env = env;
    this.#process = this.#launch();
    this.#client = this.#connect();
  }

  /** Starts one; resolves when it serves. Retries come at once unless told otherwise. */
  static async start(env: Env = {}): Promise<MortalServer> {
    const server = new MortalServer(await scratchFolder(), await freePort(), env);
    await server.#process.serving;
    return server;
  }

  get current(): Stageable {
    return { address: `127.0.0.1:${this.#port}`, client: this.#client, folder: this.#folder };
  }

  /** Ends the process, without warning unless told otherwise. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#process.kill(signal);
    const exit = await this.#process.exit;
    this.#client.close();
    return exit;
  }

  /** Starts it again on the same database and address; resolves when it serves. */
  async again(): Promise<void> {
    this.#process = this.#launch();
    await this.#process.serving;
    this.#client = this.#connect();
  }

  #launch(): ServerProcess {
    const places = { SQLITE_PATH: this.path, LOG_DIR: join(this.#folder, 'logs'), GRPC_PORT: String(this.#port) };
    return new ServerProcess({ BACKOFF_INITIAL: '1ms', BACKOFF_MAX: '10ms', ...places, ...this.#env });
  }

  #connect(): TestClient {
    const client = new TestClient(`127.0.0.1:${this.#port}`);
    onTestFinished(() => client.close());
    return client;
  }
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => resolve(true)));
  });
}
