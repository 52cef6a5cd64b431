import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { within } from '../../support/wait-for.ts';
import type { Count, RunnerOptions } from './options.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** A counting runner in a process of its own; killed after the test. */
export class RunnerProcess {
  /** Where it serves. */
  readonly addresses: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, addresses: readonly string[]) {
    this.#child = child;
    this.addresses = addresses;
  }

  static async start(options: RunnerOptions = {}): Promise<RunnerProcess> {
    const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return new RunnerProcess(child, await within('the runner to serve', addressesOf(child)));
  }

  /** What it counted since it was last asked. */
  async count(): Promise<Count> {
    const answered = once(this.#child, 'message');
    this.#child.send('count');
    const [count] = await within('the runner to tell its count', answered);
    return count;
  }
}

async function addressesOf(child: ChildProcess): Promise<readonly string[]> {
  if (child.stdout === null) throw new Error('no output to read');
  for await (const line of createInterface({ input: child.stdout })) {
    const addresses = /^READY (.*)$/.exec(line)?.[1];
    if (addresses === undefined) continue;
    child.stdout.resume();
    return addresses.split(' ');
  }
  throw new Error('the runner ended before it served');
}
