import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Env } from '../fault/serve.ts';
import { megabytes, ProcessCost } from '../scale/process-cost.ts';
import { scratchFolder } from '../support/scratch.ts';
import { ServerProcess } from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { HealthyClients, type Tally } from './healthy-clients.ts';

const HEALTHY = 4;

/** Healthy calls that an attack has to last for, so that their share means something. */
const LEAST_CALLS = 100;

/** How long they may take together, on a machine that is busy with other things too. */
const LONGEST_MS = 60_000;

const LEAST_SUCCESS = 0.99;

/** What may stay after an attack of live objects and buffers. */
const MOST_LIVE_BYTES = 8e6;

/** What the process may have grown by after any number of attacks: the allocator keeps some of what was freed, once. */
const MOST_RSS_BYTES = 500e6;

/** What it may grow by during an attack: messages of the greatest size, a few at a time. */
const MOST_PEAK_BYTES = 600e6;

/** Lines that one attack may add to the log, however many peers it has. */
const MOST_LOG_LINES = 5;

/** Something done to the server at this port; resolves, with what came of it, when it is over and its peers are gone. */
export type Attack = (port: number) => Promise<string>;

/** A server process in the hands of healthy clients, who must not notice what others do to it. */
export class Siege {
  readonly #server: ServerProcess;
  readonly #cost: ProcessCost;
  readonly #port: number;
  readonly #clients: HealthyClients;
  #rssAtStart = 0;

  private constructor(server: ServerProcess, cost: ProcessCost, address: string) {
    this.#server = server;
    this.#cost = cost;
    this.#port = Number(address.split(':').at(-1));
    this.#clients = new HealthyClients(address, HEALTHY);
  }

  static async start(env: Env = {}): Promise<Siege> {
    const folder = await scratchFolder();
    const server = new ServerProcess({
      SQLITE_PATH: join(folder, 'turboci.db'),
      ...ProcessCost.environment(folder),
      ...env,
    });
    const siege = new Siege(server, new ProcessCost(server.pid, folder), await server.serving);
    // Those of an attack that was not withstood must not go on calling a server that is gone.
    onTestFinished(() => siege.#clients.stop());
    // Connections, caches and compiled code that belong to no attack.
    await siege.#untilCalls(3 * LEAST_CALLS);
    siege.#rssAtStart = (await siege.#cost.memory()).rss;
    return siege;
  }

  /** Makes the attack, then waits until the server is as it was; fails when it is not, or when healthy clients noticed. */
  async withstand(name: string, attack: Attack, mostLiveBytes: number = MOST_LIVE_BYTES): Promise<void> {
    const before = await this.#cost.memory();
    const files = this.#cost.openFiles();
    const lines = this.#server.log.length;
    const rss = new Peak(() => residentBytes(this.#server.pid));
    this.#clients.take();
    const startedAt = performance.now();
    const outcome = await attack(this.#port).finally(() => rss.stop());
    await this.#untilCalls(LEAST_CALLS);
    const ms = performance.now() - startedAt;
    const tally = this.#clients.take();
    await waitFor(`${name}: its connections to be closed`, () => this.#cost.openFiles() <= files, LONGEST_MS);
    const after = await this.#memoryOnceBelow(before.live + mostLiveBytes);
    console.log(
      `${name}: ${outcome}; ${(ms / 1000).toFixed(1)} s, healthy ${describe(tally)}, ` +
        `peak ${megabytes(rss.most - before.rss)} more resident, after it ${megabytes(after.rss - before.rss)} ` +
        `and ${megabytes(after.live - before.live)} live`,
    );
    expect(successOf(tally), `${name}: ${tally.failures.slice(0, 5).join('; ')}`).toBeGreaterThanOrEqual(LEAST_SUCCESS);
    expect(rss.most - before.rss, `${name}: resident bytes at the peak`).toBeLessThan(MOST_PEAK_BYTES);
    expect(after.live - before.live, `${name}: live bytes that stay`).toBeLessThan(mostLiveBytes);
    expect(after.rss - this.#rssAtStart, `${name}: resident bytes since the start`).toBeLessThan(MOST_RSS_BYTES);
    expect(this.#server.log.slice(lines, lines + 20).length, `${name}: log lines`).toBeLessThanOrEqual(MOST_LOG_LINES);
  }

  /** Stops the server as an operator would. */
  async end(): Promise<void> {
    await this.#clients.stop();
    this.#server.kill('SIGTERM');
    expect((await this.#server.exit).code).toBe(0);
  }

  async #untilCalls(count: number): Promise<void> {
    await waitFor('healthy calls', () => this.#clients.calls >= count, LONGEST_MS);
  }

  /** Buffers of closed connections are freed some turns later. */
  async #memoryOnceBelow(bytes: number) {
    let memory = await this.#cost.memory();
    for (let look = 0; look < 10 && memory.live > bytes; look++) memory = await this.#cost.memory();
    return memory;
  }
}

/** The greatest value that was seen while it looked. */
class Peak {
  most = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(look: () => number) {
    this.#timer = setInterval(() => {
      this.most = Math.max(this.most, look());
    }, 50);
    this.most = look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** What a running process has of the machine's memory. */
function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

function successOf({ calls, failures }: Tally): number {
  return 1 - failures.length / calls;
}

function describe(tally: Tally): string {
  const { calls, failures, slowestMs } = tally;
  return `${calls - failures.length} of ${calls} calls, slowest ${Math.round(slowestMs)} ms`;
}
