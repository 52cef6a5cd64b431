import type Database from 'better-sqlite3';
import { onBareDatabase, openWithSchema, timed } from './bare-database.ts';
import type { Journal, RowWrite } from './row-journal.ts';

/**
 * Milliseconds that a plain better-sqlite3 program takes for the rows of a journal: prepared statements, and so many
 * commits, each of an equal share of the rows and on disk before the next.
 */
export function bareWriteMs(journal: Journal, commits: number): Promise<number> {
  return onBareDatabase(openWithSchema, (database) => {
    const prepare = preparer(database);
    const commit = database.transaction((rows: readonly BoundWrite[]) => {
      for (const { statement, values } of rows) statement.run(...values);
    });
    commit(journal.setUp.map(prepare));
    const shares = sharesOf(journal.writes.map(prepare), commits);
    return timed(() => {
      for (const share of shares) commit.immediate(share);
    });
  });
}

/** The same as a rate: so many things a second, of `count` that the journal is of, `perCommit` to a commit. */
export async function bareWriteRate(journal: Journal, count: number, perCommit: number): Promise<number> {
  return (count / (await bareWriteMs(journal, Math.ceil(count / perCommit)))) * 1000;
}

/** Milliseconds to read what a journal wrote into these tables. */
export function bareReadMs({ setUp, writes }: Journal, tables: readonly string[]): Promise<number> {
  return onBareDatabase(openWithSchema, (database) => {
    const prepare = preparer(database);
    database.transaction(() => {
      for (const { statement, values } of [...setUp, ...writes].map(prepare)) statement.run(...values);
    })();
    const reads = tables.map((table) => database.prepare(`SELECT * FROM ${table}`));
    return timed(() => {
      for (const read of reads) read.all();
    });
  });
}

/** So many parts one after the other, as equal as they can be. */
export function sharesOf<T>(items: readonly T[], count: number): readonly (readonly T[])[] {
  const from = (share: number) => Math.round((share * items.length) / count);
  return Array.from({ length: count }, (_, share) => items.slice(from(share), from(share + 1)));
}

type BoundWrite = { readonly statement: Database.Statement; readonly values: readonly unknown[] };

/** Prepares each statement once. */
function preparer(database: Database.Database): (write: RowWrite) => BoundWrite {
  const statements = new Map<string, Database.Statement>();
  return ({ sql, values }) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return { statement, values };
  };
}
