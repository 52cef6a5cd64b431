import type Database from 'better-sqlite3';

/** A row that a server wrote: the statement that writes the same with the least effort, and what is bound to it. */
export type RowWrite = { readonly sql: string; readonly values: readonly unknown[] };

/** All rows that a server wrote for some work, in order; those that only prepared it by themselves. */
export type Journal = { readonly setUp: readonly RowWrite[]; readonly writes: readonly RowWrite[] };

type Table = { readonly name: string; readonly columns: readonly string[]; readonly key: readonly string[] };
type JournalRow = {
  readonly seq: number;
  readonly of: string;
  readonly old: string | null;
  readonly new: string | null;
};

const JOURNAL = 'bench_journal';

/** Has a database record which rows are written from now on. */
export function recordRows(database: Database.Database): void {
  database.exec(`CREATE TABLE ${JOURNAL} (seq INTEGER PRIMARY KEY, "of" TEXT NOT NULL, old TEXT, new TEXT) STRICT`);
  for (const { name, columns } of readTables(database)) {
    const values = (of: string) => `json_array(${columns.map((column) => `${of}.${column}`).join(', ')})`;
    const trigger = (event: string, before: string, after: string) =>
      database.exec(`CREATE TRIGGER bench_${name}_${event} AFTER ${event} ON ${name} BEGIN
        INSERT INTO ${JOURNAL} ("of", old, new) VALUES ('${name}', ${before}, ${after}); END`);
    trigger('INSERT', 'NULL', values('NEW'));
    trigger('UPDATE', values('OLD'), values('NEW'));
    trigger('DELETE', values('OLD'), 'NULL');
  }
}

function readTables(database: Database.Database): readonly Table[] {
  const names = database
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'table'
         AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'kysely%' AND name <> '${JOURNAL}'`,
    )
    .pluck()
    .all();
  const columnsOf = database.prepare<[string], { name: string; pk: number }>(
    'SELECT name, pk FROM pragma_table_info(?)',
  );
  return names.map((name) => {
    const columns = columnsOf.all(name);
    return {
      name,
      columns: columns.map((column) => column.name),
      key: columns.filter(({ pk }) => pk > 0).map((column) => column.name),
    };
  });
}

/** What was recorded; what came up to a position only prepared the work. */
export function readJournal(database: Database.Database, begunAt = 0): Journal {
  const tables = new Map(readTables(database).map((table) => [table.name, table]));
  const records = database.prepare<[], JournalRow>(`SELECT seq, "of", old, new FROM ${JOURNAL} ORDER BY seq`).all();
  const writesOf = (some: readonly JournalRow[]) =>
    some.flatMap((record) => rowWrite(tableNamed(tables, record), record));
  return {
    setUp: writesOf(records.filter(({ seq }) => seq <= begunAt)),
    writes: writesOf(records.filter(({ seq }) => seq > begunAt)),
  };
}

/** The position up to which has been recorded. */
export function recordedUpTo(database: Database.Database): number {
  return Number(database.prepare(`SELECT coalesce(max(seq), 0) FROM ${JOURNAL}`).pluck().get());
}

function tableNamed(tables: ReadonlyMap<string, Table>, { of }: JournalRow): Table {
  const table = tables.get(of);
  if (table === undefined) throw new Error(`rows of an unknown table ${of}`);
  return table;
}

/** None for a row that was written as it had been. */
function rowWrite({ name, columns, key }: Table, record: JournalRow): readonly RowWrite[] {
  const before = valuesOf(columns, record.old);
  const after = valuesOf(columns, record.new);
  const isKey = `WHERE ${key.map((column) => `${column} = ?`).join(' AND ')}`;
  if (before === undefined && after !== undefined) {
    const places = columns.map(() => '?').join(', ');
    return [{ sql: `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${places})`, values: [...after.values()] }];
  }
  const keyValues = key.map((column) => before?.get(column));
  if (after === undefined) return [{ sql: `DELETE FROM ${name} ${isKey}`, values: keyValues }];
  const changed = columns.filter((column) => before?.get(column) !== after.get(column));
  if (changed.length === 0) return [];
  const sets = changed.map((column) => `${column} = ?`).join(', ');
  return [
    {
      sql: `UPDATE ${name} SET ${sets} ${isKey}`,
      values: [...changed.map((column) => after.get(column)), ...keyValues],
    },
  ];
}

function valuesOf(columns: readonly string[], json: string | null): ReadonlyMap<string, unknown> | undefined {
  if (json === null) return undefined;
  const values: readonly unknown[] = JSON.parse(json);
  return new Map(columns.map((column, at) => [column, values[at]]));
}
