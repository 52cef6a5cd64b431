import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

const PROBE = fileURLToPath(new URL('memory-probe.ts', import.meta.url));

/** What a process holds, in bytes, right after a garbage collection. */
export type Memory = {
  /** Live objects and the buffers that belong to them. */
  readonly live: number;
  /** Everything that the process has of the machine's memory; the allocator keeps some of what was freed. */
  readonly rss: number;
};

/** Looks into a running server process from outside. */
export class ProcessCost {
  readonly #pid: number;
  readonly #file: string;

  /** `folder` is the one that `environment` was made for. */
  constructor(pid: number, folder: string) {
    this.#pid = pid;
    this.#file = probeFile(folder);
  }

  /** What the server must be started with, for `memory` to work. */
  static environment(folder: string): Readonly<Record<string, string>> {
    return { NODE_OPTIONS: `--import=${PROBE}`, MEMORY_PROBE_FILE: probeFile(folder) };
  }

  async memory(): Promise<Memory> {
    process.kill(this.#pid, 'SIGUSR2');
    await waitFor('the memory probe of the server', () => existsSync(this.#file));
    const { rss, heapUsed, external } = JSON.parse(readFileSync(this.#file, 'utf8')) as NodeJS.MemoryUsage;
    rmSync(this.#file);
    return { live: heapUsed + external, rss };
  }

  /** Files, sockets and pipes that the process has open. */
  openFiles(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function probeFile(folder: string): string {
  return join(folder, 'memory.json');
}
