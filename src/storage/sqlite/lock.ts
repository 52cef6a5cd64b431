import Database from 'better-sqlite3';
import { createPrivate } from './database-file.ts';
import { StorageOpenError, toOpenError } from './open-error.ts';

/** The right to be the only server on a database file. */
export type FileLock = { release(): void };

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
    return { release: () => held.close() };
  } catch (error) {
    database?.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new StorageOpenError('LOCKED', `${path} is in use by another server (it holds ${lockPath})`, error);
    }
    throw toOpenError(lockPath, error);
  }
}
