import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StorageOpenError } from './open-error.ts';

/** What every SQLite database begins with. */
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');

/** One name for each file, so that two servers that reach it by different symbolic links meet at the same lock. */
export function canonicalPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const folder = dirname(resolve(path));
  return join(existsSync(folder) ? realpathSync(folder) : folder, basename(path));
}

/** Refuses what is no file, or has another name as well. Looks only, since another server may have the file open. */
export function requireOwnFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isFile()) throw new StorageOpenError('CANNOT_OPEN', `cannot open ${path}: it is not a file`);
  if (file.nlink > 1) {
    // Locks and logs of a database go by its name: by two names, two servers would write it at the same time.
    const message = `${path} is one of ${file.nlink} hard links to the same file: copy it, or remove the other links`;
    throw new StorageOpenError('CANNOT_OPEN', message);
  }
}

/**
 * Whether SQLite can make a file its database: one that is missing, empty, or begins as databases do. To be asked under
 * the lock only: by closing a file a process loses the locks that SQLite holds on it for another server in that process.
 */
export function isDatabaseFile(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined || file.size === 0 || beginsWithMagic(path);
}

function beginsWithMagic(path: string): boolean {
  const head = Buffer.alloc(MAGIC.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, head);
    return head.equals(MAGIC);
  } finally {
    closeSync(file);
  }
}

/** Makes a file that is missing, for its owner only; SQLite gives the files beside a database the same mode. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
