import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ServerProcess } from '../../support/server-process.ts';
import type { Env } from '../serve.ts';

/** A detached tracer of all threads: the server stays the child of the test, its pid, exit status and signals its own. */
const DETACHED = '-D';
const QUIETLY = ['-f', '-qq'];
/** The kernel stops the server at the traced calls only. */
const FAST = '--seccomp-bpf';

const PROBE = { encoding: 'utf8', timeout: 10_000 } as const;

/** Why no system call can be traced here; undefined when it can. */
export function tracingObstacle(): string | undefined {
  const options = [...QUIETLY, FAST, '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO'];
  const { error, status, stderr } = spawnSync('strace', [...options, 'true'], PROBE);
  if (error !== undefined) return `strace cannot be started: ${error.message}`;
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim()}`;
}

/** The n-th call alone, or that one and all after it. */
export type When = `${number}` | `${number}+`;

/** The system calls behind each name: SQLite syncs with one or the other, as it was built. */
const CALLS = { pwrite64: 'pwrite64', fsync: 'fsync,fdatasync', unlink: 'unlink' } as const;

/** What happens to system calls of a server. They are counted by their name, over the named files only. */
export type Injection = {
  readonly call: keyof typeof CALLS;
  /** Absolute, links resolved; a file need not exist yet. */
  readonly files: readonly string[];
  readonly when: When;
  /** Death before the call is carried out, or its failure. */
  readonly effect: 'signal=KILL' | 'error=EIO' | 'error=ENOSPC';
};

/** Everything that SQLite writes for a database. */
export function filesOf(path: string): readonly string[] {
  return ['', '-wal', '-journal', '.lock', '.lock-journal'].map((suffix) => path + suffix);
}

/** A server on a database file of whose system calls one goes wrong; what it calls is recorded for `injectedIn`. */
export function launchInjected(path: string, env: Env, { call, files, when, effect }: Injection): ServerProcess {
  const calls = CALLS[call];
  const injection = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${effect}:when=${when}`];
  // With the fast filter a signal that is due at the entry of a call would be dropped.
  const speed = effect === 'signal=KILL' ? [] : [FAST];
  return launchUnder(path, env, [...speed, ...files.flatMap((file) => ['-P', file]), ...injection], recordOf(path));
}

/** How many calls of the last server on a database file failed because they were made to. */
export function injectedIn(path: string): number {
  return readFileSync(recordOf(path), 'latin1').split('(INJECTED)').length - 1;
}

function recordOf(path: string): string {
  return `${path}.strace`;
}

/** A server on a database file whose writes and syncs are recorded with all their bytes, in the order of the calls. */
export function launchRecorded(path: string, env: Env, record: string): ServerProcess {
  const calls = 'trace=pwrite64,fsync,fdatasync,ftruncate,unlink,write,writev,sendmsg';
  return launchUnder(path, env, [FAST, '-yy', '-xx', '-s', '1048576', '-e', calls], record);
}

function launchUnder(path: string, env: Env, options: readonly string[], record: string): ServerProcess {
  const server = { SQLITE_PATH: path, LOG_DIR: join(dirname(path), 'logs'), ...env };
  return new ServerProcess(server, ['strace', DETACHED, ...QUIETLY, '-o', record, ...options]);
}
