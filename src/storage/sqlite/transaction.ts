import type Database from 'better-sqlite3';

/** The transaction of the writing connection, and one savepoint in it. */
export interface Transaction {
  /** False as well after an error that made SQLite roll back the whole transaction. */
  readonly isOpen: boolean;
  begin(): void;
  commit(): void;
  rollback(): void;
  savepoint(): void;
  release(): void;
  /** Undoes everything since the savepoint and forgets it. */
  undo(): void;
}

export function transactionOf(database: Database.Database): Transaction {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const savepoint = database.prepare('SAVEPOINT unit');
  const release = database.prepare('RELEASE unit');
  const rollbackTo = database.prepare('ROLLBACK TO unit');
  return {
    get isOpen() {
      return database.inTransaction;
    },
    begin: () => void begin.run(),
    commit: () => void commit.run(),
    rollback: () => void rollback.run(),
    savepoint: () => void savepoint.run(),
    release: () => void release.run(),
    undo: () => {
      rollbackTo.run();
      release.run();
    },
  };
}
