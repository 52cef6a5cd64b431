import { spawn } from 'node:child_process';

/** Reads a group id and then a farewell; if the input ends between the two, the server is dead. */
const WATCH = `trap '' HUP INT TERM; read -r group || exit 0; read -r farewell || kill -s KILL -- "-$group"`;

/** Kills a process group if this server dies without a chance to do it itself. */
export type Lifeline = {
  /** From now on the group dies with the server. */
  hold(groupId: number): void;
  /** The group has ended, or never began. */
  release(): void;
};

/**
 * Starts the watcher of one process group: a shell in a session of its own that waits at the other end of a pipe, which
 * the system closes however the server ends (kill -9 included). Best effort: between the start of a command and `hold`
 * there are microseconds without it, and without a shell to start there is no watcher.
 */
export function openLifeline(environment: Record<string, string>): Lifeline {
  const watcher = spawn('/bin/sh', ['-c', WATCH], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment,
    cwd: '/',
    detached: true,
  });
  // A watcher that did not start or was killed is missed only if the server dies, too.
  watcher.on('error', () => {});
  watcher.stdin.on('error', () => {});
  return {
    hold: (groupId) => watcher.stdin.write(`${groupId}\n`),
    release: () => watcher.stdin.end('farewell\n'),
  };
}
