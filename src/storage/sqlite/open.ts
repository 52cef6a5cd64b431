import type Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import type { Storage } from '../storage.ts';
import { MEMORY, openReader, openWriter } from './connection.ts';
import { canonicalPath, createPrivate, isDatabaseFile, requireOwnFile } from './database-file.ts';
import { GroupCommit } from './group-commit.ts';
import { lockFile } from './lock.ts';
import { migrate } from './migrator.ts';
import { StorageOpenError, toOpenError } from './open-error.ts';
import { repositories, snapshotReaders } from './repositories.ts';
import type { Schema } from './schema.ts';
import { SnapshotReads } from './snapshot-reads.ts';
import { Statements } from './statements.ts';
import { transactionOf } from './transaction.ts';
import { Turns } from './turns.ts';
import { assertSqliteVersion } from './version-guard.ts';

export type SqliteStorageOptions = {
  /** A file, created for its owner only if it does not exist (its folder must), or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Units of work that may wait for the writer. */
  readonly writeQueue: number;
  /** Told when it is open what is durable: the storage then refuses all writes, and the process must end. */
  readonly onFatal: (error: unknown) => void;
};

/**
 * Opens a SQLite database as storage: takes its lock, brings it to the latest schema and prepares every statement.
 * Rejects with a StorageOpenError, and then leaves nothing open.
 */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<Storage> {
  const path = options.path === MEMORY ? MEMORY : canonicalPath(options.path);
  const opened = new Closers();
  try {
    if (path !== MEMORY) {
      requireOwnFile(path);
      const lock = lockFile(path);
      opened.add(lock.release);
      if (!isDatabaseFile(path)) {
        lock.discard();
        throw new StorageOpenError('NOT_A_DATABASE', `${path} is not a SQLite database`);
      }
      createPrivate(path);
    }
    const writer = openWriter(path);
    opened.add(() => writer.close());
    assertSqliteVersion(String(writer.prepare('SELECT sqlite_version()').pluck().get()));
    const db = kyselyOn(writer);
    await migrate(path, writer, db);
    const turns = new Turns();
    const writes = new GroupCommit({
      transaction: transactionOf(writer),
      turns,
      repositories: repositories(new Statements(writer, db), options.clock),
      clock: options.clock,
      log: options.log,
      queueLimit: options.writeQueue,
      onFatal: options.onFatal,
    });
    return storageOf(writes, path === MEMORY ? readsOn(writer, turns) : readsOf(path, opened), opened);
  } catch (error) {
    opened.closeAll();
    throw toOpenError(path, error);
  }
}

function readsOf(path: string, opened: Closers): SnapshotReads {
  const reader = openReader(path);
  opened.add(() => reader.close());
  return readsOn(reader, new Turns());
}

/** An in-memory database is seen by its own connection only: there, reads take turns with the batches of the writer. */
function readsOn(database: Database.Database, turns: Turns): SnapshotReads {
  return new SnapshotReads(database, snapshotReaders(new Statements(database, kyselyOn(database))), turns);
}

function storageOf(writes: GroupCommit, reads: SnapshotReads, opened: Closers): Storage {
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([writes.end(), reads.end()]);
    opened.closeAll();
  };
  return {
    write: (work, options) => writes.submit(work, options ?? {}),
    read: (work) => reads.read(work),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function kyselyOn(database: Database.Database): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
}

/** What has been opened, to be closed in the opposite order. */
class Closers {
  readonly #closers: (() => void)[] = [];

  add(close: () => void): void {
    this.#closers.push(close);
  }

  closeAll(): void {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) close();
  }
}
