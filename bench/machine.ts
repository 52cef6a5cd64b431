import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir, totalmem, type } from 'node:os';
import Database from 'better-sqlite3';

/** What the figures were measured on, and of what. */
export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Type of the file system that the databases are on. */
  readonly fileSystem: string;
  readonly node: string;
  readonly sqlite: string;
  /** Short; with a plus if files were changed since; unknown outside of a repository. */
  readonly commit: string;
  /** When the run began, ISO 8601. */
  readonly date: string;
  /** How many processes wanted a core, on average over the minute before the run. */
  readonly loadBefore: number;
};

export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 1024 ** 3) * 10) / 10,
    kernel: `${type()} ${/^[\d.]+/.exec(release())?.[0] ?? ''}`,
    fileSystem: fileSystemOf(tmpdir(), readFileSync('/proc/self/mounts', 'utf8')),
    node: process.version,
    sqlite: sqliteVersion(),
    commit: commit(),
    date: new Date().toISOString(),
    loadBefore: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}

/** The type of the file system that holds a path: that of the longest mount point which leads to it. */
export function fileSystemOf(path: string, mounts: string): string {
  let best = { point: '', kind: 'unknown' };
  for (const line of mounts.split('\n')) {
    const [, point = '', kind = ''] = line.split(' ');
    const leadsThere = point === '/' || point === path || path.startsWith(`${point}/`);
    // Of two mounts at one point the later one is seen.
    if (point !== '' && leadsThere && point.length >= best.point.length) best = { point, kind };
  }
  return best.kind;
}

function sqliteVersion(): string {
  const database = new Database(':memory:');
  const version = database.prepare('SELECT sqlite_version()').pluck().get();
  database.close();
  return String(version);
}

function commit(): string {
  const git = (...args: readonly string[]) =>
    execFileSync('git', [...args], { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${changed ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
