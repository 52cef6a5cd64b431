import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { createPrivate } from './database-file.ts';
import { StorageOpenError, toOpenError } from './open-error.ts';

/** The right to be the only server on a database file. */
export type FileLock = {
  /** Idempotent. */
  release(): void;
  /** Releases it and removes its file: there is no database that it would belong to. */
  discard(): void;
};

/**
 * Takes the lock of a database file or fails with LOCKED. It is an exclusive transaction on a database of its own,
 * `FILE.lock`: the operating system frees it when the process ends, however it ends, and the database file itself stays
 * open to readers such as a backup.
 */
export function lockFile(path: string): FileLock {
  const lockPath = `${path}.lock`;
  let database: Database.Database | undefined;
  try {
    createPrivate(lockPath);
    database = new Database(lockPath, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    const held = database;
    const release = (): void => void held.close();
    const discard = (): void => {
      release();
      rmSync(lockPath, { force: true });
    };
    return { release, discard };
  } catch (error) {
    database?.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new StorageOpenError('LOCKED', `${path} is in use by another server (it holds ${lockPath})`, error);
    }
    throw toOpenError(lockPath, error);
  }
}
