import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { waitFor, within } from '../../support/wait-for.ts';
import { type LogEntry, type LogEvent, readLog } from '../runner/log.ts';
import type { Order, Refusal, RunnerInit } from '../runner/options.ts';

const MAIN = fileURLToPath(new URL('../runner/main.ts', import.meta.url));
const WAIT_MS = 20_000;

/** A scripted runner in a process of its own; killed after the test. */
export class RunnerProcess {
  readonly runnerId: string;
  /** Where it serves; empty when it only pulls. */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(child: ChildProcess, { runnerId, log }: RunnerInit, address: string) {
    this.#child = child;
    this.runnerId = runnerId;
    this.#log = log;
    this.address = address;
  }

  /** Starts one; resolves when it serves and is registered, as far as its options want that. */
  static async start(init: RunnerInit): Promise<RunnerProcess> {
    const child = spawn(process.execPath, [MAIN, JSON.stringify(init)], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return new RunnerProcess(child, init, await within(`runner ${init.runnerId}`, readyAt(child), WAIT_MS));
  }

  /** What it has noted so far, oldest first; runners that were given the same file share it. */
  get entries(): readonly LogEntry[] {
    return readLog(this.#log);
  }

  /** What it has noted of that event, of one stage if it is named. */
  seen(event: LogEvent, stage?: string): readonly LogEntry[] {
    const entries = this.entries;
    expect(
      entries.filter((entry) => entry.event === 'fault'),
      'faults of the script',
    ).toEqual([]);
    return entries.filter((entry) => entry.event === event && (stage === undefined || entry.stage === stage));
  }

  /** Waits for the n-th event of that kind. */
  until(event: LogEvent, stage?: string, nth = 1): Promise<LogEntry> {
    const what = `${event} no. ${nth} of ${stage ?? 'any stage'} at ${this.runnerId}`;
    return waitFor(what, () => this.seen(event, stage)[nth - 1], WAIT_MS);
  }

  /** Lets the work that a stage holds go on; without a stage that of all. */
  release(stage = ''): Promise<void> {
    return this.#tell({ release: stage });
  }

  /** Begins nothing any more, or without an argument does again. */
  refuse(refuse?: Refusal): Promise<void> {
    return this.#tell({ refuse });
  }

  /** Sends a signal and, if it ends the process, waits for that. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await within(`${signal} to end it`, ended, WAIT_MS);
  }

  /** Resolves when the order is in force. */
  async #tell(order: Order): Promise<void> {
    const before = this.seen('order').length;
    this.#child.send(order);
    await this.until('order', undefined, before + 1);
  }
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the runner ended with ${code ?? signal}`)));
    if (child.stdout === null) throw new Error('no output to read');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /^READY (.*)$/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
}
