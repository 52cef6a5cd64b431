import Database from 'better-sqlite3';
import { StorageOpenError } from './open-error.ts';

/** The path of a database that lives and dies with the process. */
export const MEMORY = ':memory:';

/** How long a statement waits for a lock of another program (a backup, a shell); the event loop waits with it. */
const BUSY_TIMEOUT_MS = 1000;

/** Pages in the WAL after which a commit also moves them into the database. */
const CHECKPOINT_PAGES = 4000;

/** Kibibytes of pages that the writer keeps in memory. */
const CACHE_KIB = 65_536;

/** Opens the one connection that writes, durable and checked: no commit is answered before it is on disk. */
export function openWriter(path: string): Database.Database {
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  return configured(database, () => {
    setPragma(database, 'journal_mode', path === MEMORY ? 'memory' : 'wal');
    setPragma(database, 'synchronous', 2); // FULL
    setPragma(database, 'foreign_keys', 1);
    setPragma(database, 'busy_timeout', BUSY_TIMEOUT_MS);
    setPragma(database, 'wal_autocheckpoint', CHECKPOINT_PAGES);
    setPragma(database, 'temp_store', 2); // MEMORY: savepoints and sorts make no files
    setPragma(database, 'cache_size', -CACHE_KIB);
    // A file that cannot be written is found out here and not by the first request.
    database.exec('BEGIN IMMEDIATE; COMMIT');
  });
}

/** Opens a connection that reads what the writer of the same file has committed. */
export function openReader(path: string): Database.Database {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  return configured(database, () => {
    setPragma(database, 'query_only', 1);
    setPragma(database, 'busy_timeout', BUSY_TIMEOUT_MS);
    setPragma(database, 'temp_store', 2);
  });
}

function configured(database: Database.Database, configure: () => void): Database.Database {
  try {
    configure();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** SQLite ignores a pragma that it does not know or cannot honour, so each is read back. */
function setPragma(database: Database.Database, name: string, value: string | number): void {
  database.pragma(`${name} = ${value}`);
  const actual = database.pragma(name, { simple: true });
  if (actual !== value) {
    throw new StorageOpenError('CANNOT_OPEN', `SQLite refused ${name} = ${value}: it is ${String(actual)}`);
  }
}
