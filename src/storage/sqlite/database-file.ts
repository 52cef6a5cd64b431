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

/** Refuses, before anything is made beside it, a file that is none of ours, or that has another name as well. */
export function requireDatabaseFile(path: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isFile()) throw new StorageOpenError('CANNOT_OPEN', `cannot open ${path}: it is not a file`);
  if (file.nlink > 1) {
    // Locks and logs of a database go by its name: by two names, two servers would write it at the same time.
    const message = `${path} is one of ${file.nlink} hard links to the same file: copy it, or remove the other links`;
    throw new StorageOpenError('CANNOT_OPEN', message);
  }
  if (file.size > 0 && !beginsWithMagic(path)) {
    throw new StorageOpenError('NOT_A_DATABASE', `${path} is not a SQLite database`);
  }
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
