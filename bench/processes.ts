import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** How a server is started. */
export type ServerStart = {
  /** What is run: from source unless said otherwise. */
  readonly entry?: string;
  /** Makes the database file ready. */
  prepare?(path: string): Promise<void>;
  /** Whether `longestHoldMs` will be asked for. */
  readonly isProbed?: boolean;
};

/** Those of `npm start`. */
const NODE_OPTIONS = ['--max-semi-space-size=8'];

/** A process that serves gRPC: the server, or what it is held against. */
export class ServingProcess {
  readonly address: string;
  /** Of a server. */
  readonly databasePath: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, address: string) {
    this.#child = child;
    this.#folder = folder;
    this.address = address;
    this.databasePath = databaseIn(folder);
  }

  /** The server, on a new database file. */
  static async server({ entry = serverEntries.source, prepare, isProbed = false }: ServerStart = {}) {
    const folder = newFolder();
    await prepare?.(databaseIn(folder));
    const env = { GRPC_PORT: '0', SQLITE_PATH: databaseIn(folder), LOG_DIR: join(folder, 'logs') };
    const probe = isProbed ? ['--import', at('loop-probe.ts')] : [];
    return ServingProcess.#start([...NODE_OPTIONS, ...probe, entry], folder, env, isProbed);
  }

  /** A bare grpc-js server of one method whose answers have so many bytes. */
  static echo(method: string, responseBytes: number): Promise<ServingProcess> {
    const env = { METHOD: method, RESPONSE_BYTES: String(responseBytes) };
    return ServingProcess.#start([at('echo-server.ts')], newFolder(), env, false);
  }

  static async #start(args: readonly string[], folder: string, env: NodeJS.ProcessEnv, isProbed: boolean) {
    const child = spawn(process.execPath, [...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit', ...(isProbed ? (['ipc'] as const) : [])],
    });
    running.set(child, folder);
    child.once('exit', () => running.delete(child));
    const address = await firstAddress(child);
    return new ServingProcess(child, folder, address);
  }

  /** Memory of the machine that the process takes, in bytes. */
  residentBytes(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1];
    return Number(kib) * 1024;
  }

  /** Time of the machine's cores that its threads have taken, in milliseconds: what runs beside them counts little. */
  cpuMs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    const nanoseconds = readdirSync(tasks).map((id) =>
      Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]),
    );
    return nanoseconds.reduce((sum, time) => sum + time, 0) / 1e6;
  }

  /** For how long at most the event loop of a probed server is held while something runs, in milliseconds. */
  async longestHoldMs(work: () => Promise<unknown>): Promise<number> {
    await this.#ask('begin');
    await work();
    const answer = await this.#ask('end');
    return Number(Object(answer).longestHoldMs);
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
    rmSync(this.#folder, { recursive: true });
  }

  async #ask(order: string): Promise<unknown> {
    const answer = once(this.#child, 'message');
    this.#child.send(order);
    return (await answer)[0];
  }
}

/** The processes that run, and their folders: nothing is left of them, also when a measurement fails or is given up. */
const running = new Map<ChildProcess, string>();
process.once('exit', () => {
  for (const [child, folder] of running) {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** What can be started; the build is optional. */
export const serverEntries = {
  source: at('../src/main.ts'),
  built: existsSync(at('../dist/main.js')) ? at('../dist/main.js') : undefined,
} as const;

/** A folder of its own for a database, on the file system that is measured. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'turboci-bench-'));
}

function databaseIn(folder: string): string {
  return join(folder, 'bench.db');
}

/** Both kinds of process say on a line of their own where they serve. */
async function firstAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /"address":"([^"]+)"/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return address;
  }
  throw new Error('the process ended before it served');
}

function at(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
