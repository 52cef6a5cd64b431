import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Schema } from './schema.ts';
import { type Arg, Statements } from './statements.ts';

let database: Database.Database;
let statements: Statements;

beforeEach(() => {
  database = new Database(':memory:');
  database.exec('CREATE TABLE requests (method TEXT, scope TEXT, request_id TEXT, revision INTEGER)');
  statements = new Statements(database, new Kysely<Schema>({ dialect: new SqliteDialect({ database }) }));
});
afterEach(() => database.close());

it('binds arguments by name, wherever and however often the query uses them', () => {
  const query = statements.prepare((db, arg: Arg<{ a: string; b: string; c: number }>) =>
    sql<{ row: string }>`select ${arg('c')} || ${arg('b')} || ${arg('a')} || ${arg('b')} as row`.compile(db),
  );
  expect(query.get({ a: 'a', b: 'b', c: 3 })).toEqual({ row: '3.0bab' });
  expect(query.all({ b: 'x', c: 4, a: 'y' })).toEqual([{ row: '4.0xyx' }]);
});

it('inserts the columns that it was asked to', () => {
  const insert = statements.insert('requests', ['request_id', 'method']);
  expect(insert.insert({ method: 'm', request_id: 'r' })).toBe(1);
  expect(insert.run({ method: 'n', request_id: 's' })).toBe(1);
  expect(database.prepare('SELECT * FROM requests').all()).toEqual([
    { method: 'm', scope: null, request_id: 'r', revision: null },
    { method: 'n', scope: null, request_id: 's', revision: null },
  ]);
});

it('refuses a constant that is no literal: a partial index would not be found', () => {
  expect(() =>
    statements.prepare((db) => db.selectFrom('requests').select('scope').where('method', '=', 'm').compile()),
  ).toThrow('constants are written with sql.lit');
});

it('refuses to change no row, or more than one, where one was meant', () => {
  const insert = statements.insert('requests', ['method', 'revision']);
  insert.run({ method: 'm', revision: 1 });
  insert.run({ method: 'm', revision: 2 });
  const update = statements.prepare((db, arg: Arg<{ method: string; revision: number }>) =>
    db
      .updateTable('requests')
      .set({ scope: sql.lit('s') })
      .where('method', '=', arg('method'))
      .where('revision', '>=', arg('revision'))
      .compile(),
  );
  expect(() => update.runOnOne({ method: 'm', revision: 2 })).not.toThrow();
  expect(() => update.runOnOne({ method: 'm', revision: 1 })).toThrow('2 rows');
  expect(() => update.runOnOne({ method: 'n', revision: 1 })).toThrow('0 rows');
});
