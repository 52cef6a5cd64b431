import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const UNITS_PER_COMMIT = 32;
const ROWS_PER_UNIT = 3;
const ROW_TEXT = 'a row of about the usual size, forty bytes';

/** What SQLite itself can do: units of three rows, each in a savepoint, many to a commit that is on disk. */
export async function groupCommits({ repetitions, calls }: Scale): Promise<readonly Row[]> {
  const rates = Array.from({ length: repetitions }, () => unitsPerSecond(calls));
  return [row(`bare SQLite, ${UNITS_PER_COMMIT} units of ${ROWS_PER_UNIT} rows a commit`, 'units/s', sampleOf(rates))];
}

/** Milliseconds that a commit of one row takes, the mean of so many. */
export function commitMs(commits: number): number {
  return (
    onBareDatabase((insert) =>
      timed(() => {
        for (let done = 0; done < commits; done++) insert.run(ROW_TEXT, ROW_TEXT);
      }),
    ) / commits
  );
}

function unitsPerSecond(units: number): number {
  const ms = onBareDatabase((insert, database) => {
    const unit = database.transaction(() => {
      for (let count = 0; count < ROWS_PER_UNIT; count++) insert.run(ROW_TEXT, ROW_TEXT);
    });
    // A transaction inside a transaction is a savepoint.
    const commit = database.transaction(() => {
      for (let count = 0; count < UNITS_PER_COMMIT; count++) unit();
    });
    return timed(() => {
      for (let done = 0; done < units; done += UNITS_PER_COMMIT) commit.immediate();
    });
  });
  return (units / ms) * 1000;
}

/** Does something with a table in a new file, whose commits are on disk when they return. */
function onBareDatabase<T>(work: (insert: Database.Statement, database: Database.Database) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'turboci-bench-'));
  const database = new Database(join(folder, 'bare.db'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL) STRICT`);
  const done = work(database.prepare('INSERT INTO t (a, b) VALUES (?, ?)'), database);
  database.close();
  rmSync(folder, { recursive: true });
  return done;
}

function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
