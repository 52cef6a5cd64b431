import type Database from 'better-sqlite3';
import type { Snapshot } from '../storage.ts';
import { toCallerError, unavailable } from './sqlite-failure.ts';
import type { Turns } from './turns.ts';

/**
 * Runs reads one after another, each in a transaction of its own, so that it sees one state of the database and none
 * shares the snapshot of another. A read awaits nothing but its readers, so it ends in the turn of the event loop in
 * which it began: no snapshot stays open and holds up the WAL.
 */
export class SnapshotReads {
  readonly #database: Database.Database;
  readonly #snapshot: Snapshot;
  readonly #turns: Turns;
  readonly #begin: Database.Statement;
  readonly #end: Database.Statement;
  #isClosed = false;

  constructor(database: Database.Database, snapshot: Snapshot, turns: Turns) {
    this.#database = database;
    this.#snapshot = snapshot;
    this.#turns = turns;
    this.#begin = database.prepare('BEGIN');
    this.#end = database.prepare('ROLLBACK');
  }

  read<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(unavailable('the storage is closed'));
    return this.#turns.take(() => this.#inTransaction(work));
  }

  async #inTransaction<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    try {
      this.#begin.run();
      try {
        return await work(this.#snapshot);
      } finally {
        // Some errors end the transaction by themselves; then a second end would hide them.
        if (this.#database.inTransaction) this.#end.run();
      }
    } catch (error) {
      throw toCallerError(error);
    }
  }

  /** Accepts no more reads; resolves when those accepted have ended. */
  end(): Promise<void> {
    this.#isClosed = true;
    return this.#turns.settled();
  }
}
