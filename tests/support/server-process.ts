import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** How a server process ended. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string };

/** A run of src/main.ts under this Node; killed after the test. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  /** Resolves when the process has ended. */
  readonly exit: Promise<Exit>;
  /** Where it serves, once it does; rejects when it ends before. */
  readonly serving: Promise<string>;

  /**
   * On a free port unless `env` says otherwise; of the environment of the tests it sees what Node needs only. `under` is
   * a program with its arguments that runs the server in its own place, such as `strace -D`.
   */
  constructor(env: Readonly<Record<string, string>>, under: readonly string[] = []) {
    const [program = process.execPath, ...args] = [...under, process.execPath, MAIN];
    this.#child = spawn(program, args, {
      env: { PATH: process.env.PATH, GRPC_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    this.exit = once(this.#child, 'close').then(([code, signal]) => ({ code, signal, stderr }));
    this.serving = this.#address();
    this.serving.catch(() => {});
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  /** Lines of the log so far. */
  get log(): readonly string[] {
    return this.#lines;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async #address(): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no output to read');
    const found = new Promise<string>((resolve) => {
      createInterface({ input: stdout }).on('line', (line) => {
        this.#lines.push(line);
        const address = /"address":"([^"]+)"/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    const ended = this.exit.then(({ code, stderr }) => {
      throw new Error(`the server ended with status ${code} before it served:\n${stderr}`);
    });
    return Promise.race([found, ended]);
  }
}
