import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const UNITS_PER_COMMIT = 32;
const ROWS_PER_UNIT = 3;

/** What SQLite itself can do: units of three rows, each in a savepoint, many to a commit that is on disk. */
export async function groupCommits({ repetitions, calls }: Scale): Promise<readonly Row[]> {
  const rates = Array.from({ length: repetitions }, () => unitsPerSecond(calls));
  return [row(`bare SQLite, ${UNITS_PER_COMMIT} units of ${ROWS_PER_UNIT} rows a commit`, 'units/s', sampleOf(rates))];
}

function unitsPerSecond(units: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'turboci-bench-'));
  const database = new Database(join(folder, 'bare.db'));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL) STRICT`);
  const insert = database.prepare('INSERT INTO t (a, b) VALUES (?, ?)');
  const unit = database.transaction((text: string) => {
    for (let count = 0; count < ROWS_PER_UNIT; count++) insert.run(text, text);
  });
  // A transaction inside a transaction is a savepoint.
  const commit = database.transaction(() => {
    for (let count = 0; count < UNITS_PER_COMMIT; count++) unit('a row of about the usual size, forty bytes');
  });
  const startedAt = performance.now();
  for (let done = 0; done < units; done += UNITS_PER_COMMIT) commit.immediate();
  const seconds = (performance.now() - startedAt) / 1000;
  database.close();
  rmSync(folder, { recursive: true });
  return units / seconds;
}
