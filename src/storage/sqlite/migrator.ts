import { readdirSync, readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { StorageOpenError } from './open-error.ts';
import type { Schema } from './schema.ts';
import { assertKnownSchema } from './version-guard.ts';

/** The same distance from src/storage/sqlite/ and from dist/storage/sqlite/; the package ships the folder as it is. */
const MIGRATIONS = new URL('../../../migrations/', import.meta.url);

const MIGRATION_FILE = /^(\d{4}-[a-z0-9-]+)\.sql$/;

/**
 * Brings a database to the latest schema, or leaves it as it was: forward only, each migration once, in the order of its
 * number. Refuses a database with migrations that this release does not know, and one that belongs to another program.
 */
export async function migrate(path: string, database: Database.Database, db: Kysely<Schema>): Promise<void> {
  const migrations = readMigrations(database);
  assertOwn(path, database);
  assertKnownSchema(path, appliedMigrations(database), Object.keys(migrations));
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  // Kysely opens no transaction for SQLite: a death between two statements would leave half a schema for good.
  database.exec('BEGIN IMMEDIATE');
  try {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    database.exec('COMMIT');
  } finally {
    if (database.inTransaction) database.exec('ROLLBACK');
  }
}

/** Migrations are SQL, which says STRICT, CHECK and partial indexes plainly and needs no build step. */
function readMigrations(database: Database.Database): Record<string, Migration> {
  const names = readdirSync(MIGRATIONS).flatMap((file) => MIGRATION_FILE.exec(file)?.[1] ?? []);
  return Object.fromEntries(
    names.map((name) => {
      // The transaction is open on this very connection.
      const up = async (): Promise<void> => {
        database.exec(readFileSync(new URL(`${name}.sql`, MIGRATIONS), 'utf8'));
      };
      return [name, { up }];
    }),
  );
}

function assertOwn(path: string, database: Database.Database): void {
  const tables = tableNames(database);
  if (tables.length > 0 && !tables.includes('kysely_migration')) {
    throw new StorageOpenError('NOT_A_DATABASE', `${path} is a database of another program`);
  }
}

function appliedMigrations(database: Database.Database): string[] {
  if (!tableNames(database).includes('kysely_migration')) return [];
  return database
    .prepare<[], { name: string }>('SELECT name FROM kysely_migration')
    .all()
    .map((row) => row.name);
}

function tableNames(database: Database.Database): string[] {
  const tables = database.prepare<[], { name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
  );
  return tables.all().map((row) => row.name);
}
