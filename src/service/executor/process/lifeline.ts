import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Reads a group id and then a farewell; if the input ends without one, the server is dead. */
const WATCH = `trap '' HUP INT TERM
group=
while read -r word; do [ "$word" = farewell ] && exit; group=$word; done
[ "$group" ] && kill -s KILL -- "-$group"`;

/** Kills a process group if this server dies without a chance to do it itself. */
export type Lifeline = {
  /** What is written here, a line with the id of a group, is what dies with the server; see tiedCommand. */
  readonly tie: Writable;
  /** The group has ended, or never began. */
  release(): void;
};

/**
 * Starts the watcher of one process group: a shell in a session of its own that waits at the other end of a pipe, which
 * the system closes however the server ends (kill -9 included). Rejects if there is no watcher to be had.
 */
export async function openLifeline(environment: Record<string, string>): Promise<Lifeline> {
  const watcher = spawn('/bin/sh', ['-c', WATCH], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: environment,
    cwd: '/',
    detached: true,
  });
  await once(watcher, 'spawn');
  // A watcher that was killed is missed only if the server dies, too.
  watcher.stdin.on('error', () => {});
  return { tie: watcher.stdin, release: () => watcher.stdin.end('farewell\n') };
}
