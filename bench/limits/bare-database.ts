import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { openWriter } from '../../src/storage/sqlite/connection.ts';
import { migrate } from '../../src/storage/sqlite/migrator.ts';
import type { Schema } from '../../src/storage/sqlite/schema.ts';
import { newFolder } from '../processes.ts';

/** Makes a database file with the server's tables and settings: commits are on disk when they return. */
export async function openWithSchema(path: string): Promise<Database.Database> {
  const database = openWriter(path);
  await migrate(path, database, new Kysely<Schema>({ dialect: new SqliteDialect({ database }) }));
  return database;
}

/** Does something with a new database, of which nothing is left. */
export async function onBareDatabase<T>(
  open: (path: string) => Database.Database | Promise<Database.Database>,
  work: (database: Database.Database) => T,
): Promise<T> {
  const folder = newFolder();
  const database = await open(join(folder, 'bare.db'));
  try {
    return work(database);
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds that something takes which awaits nothing. */
export function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
