import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A pipe: what is written to `writeFd` by whoever holds it comes out of `stream`, which ends when nobody does. */
export type OutputPipe = {
  readonly stream: Socket;
  readonly writeFd: number;
  /** Closes this process's copy of the writing end; to be called once children have theirs. May be repeated. */
  closeWriteEnd(): void;
};

/**
 * Makes a pipe for the stdout and stderr of a command. It is a real one, by way of a named pipe at `path` that is gone
 * again when this resolves: both streams stay in the order in which they were written, and `> /dev/stderr` works. What
 * Node makes for `stdio: 'pipe'` is a socket for each stream, which loses the order and cannot be opened by path.
 */
export async function openOutputPipe(path: string, environment: Record<string, string>): Promise<OutputPipe> {
  rmSync(path, { force: true });
  await run('mkfifo', ['-m', '600', path], { env: environment });
  try {
    // Not blocking, or it would wait for a writer. The writing end finds its reader and is left blocking, as commands expect.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stream = new Socket({ fd: readFd, readable: true, writable: false });
    const writeFd = openSync(path, constants.O_WRONLY);
    let isOpen = true;
    const closeWriteEnd = (): void => {
      if (isOpen) closeSync(writeFd);
      isOpen = false;
    };
    return { stream, writeFd, closeWriteEnd };
  } finally {
    rmSync(path, { force: true });
  }
}
