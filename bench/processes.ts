import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { StageRunner } from '../gen/turboci/v1/stagerunner_pb.js';
import { pathOf } from './bench-client.ts';

/** In which Linux tells the times of processes (USER_HZ). */
const MS_PER_TICK = 10;

/** A process that serves gRPC: the server, or what it is held against. */
export class ServingProcess {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, address: string) {
    this.#child = child;
    this.#folder = folder;
    this.address = address;
  }

  /** The server from its source, or built, on a new database file. */
  static server(entry: string = serverEntries.source): Promise<ServingProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'turboci-bench-'));
    const env = { GRPC_PORT: '0', SQLITE_PATH: join(folder, 'bench.db'), LOG_DIR: join(folder, 'logs') };
    return ServingProcess.#start(entry, folder, env);
  }

  /** A bare grpc-js server of one method whose answers have so many bytes. */
  static echo(method: string, responseBytes: number): Promise<ServingProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'turboci-bench-'));
    const env = { METHOD: method, RESPONSE_BYTES: String(responseBytes) };
    return ServingProcess.#start(at('echo-server.ts'), folder, env);
  }

  /** A runner that is called and answers at once: an empty RunResponse says that the attempt is COMPLETE. */
  static runner(): Promise<ServingProcess> {
    return ServingProcess.echo(pathOf(StageRunner.method.run), 0);
  }

  static async #start(entry: string, folder: string, env: NodeJS.ProcessEnv): Promise<ServingProcess> {
    const child = spawn(process.execPath, [entry], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const address = await firstAddress(child);
    return new ServingProcess(child, folder, address);
  }

  /** Memory of the machine that the process takes, in bytes. */
  residentBytes(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1];
    return Number(kib) * 1024;
  }

  /** Time of the machine's cores that the process has taken, in milliseconds: what else runs beside it counts little. */
  cpuMs(): number {
    const [, fields = ''] = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ');
    const [user, system] = fields.split(' ').slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) * MS_PER_TICK;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
    rmSync(this.#folder, { recursive: true });
  }
}

/** What can be started; the build is optional. */
export const serverEntries = {
  source: at('../src/main.ts'),
  built: existsSync(at('../dist/main.js')) ? at('../dist/main.js') : undefined,
} as const;

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
