import type Database from 'better-sqlite3';
import { type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import { invariant } from '../../domain/error.ts';
import type { Schema } from './schema.ts';

/** Stands in a query for a value that each call gives by name. */
export type Arg<Args> = <Name extends keyof Args & string>(name: Name) => RawBuilder<Args[Name]>;

/** Writes one query with Kysely, once, when the storage opens. */
export type QueryText<Args, Row> = (db: Kysely<Schema>, arg: Arg<Args>) => CompiledQuery<Row>;

/** What Kysely takes for the parameter's value when it compiles: it keeps the name at the parameter's position. */
class Placeholder<Name> {
  readonly name: Name;

  constructor(name: Name) {
    this.name = name;
  }
}

/**
 * A prepared statement, called with its arguments by name. Values are bound by position: binding by name, which the
 * driver offers too, costs a quarter more per row of a large write.
 */
export class Statement<Args extends object, Row> {
  readonly #native: Database.Statement<unknown[], Row>;
  readonly #names: readonly (keyof Args)[];

  constructor(database: Database.Database, query: CompiledQuery<Row>) {
    this.#native = database.prepare<unknown[], Row>(query.sql);
    this.#names = query.parameters.map((parameter) => {
      invariant(parameter instanceof Placeholder, `constants are written with sql.lit, in: ${query.sql}`);
      return parameter.name;
    });
  }

  /** The first row, if there is one. */
  get(args: Args): Row | undefined {
    return this.#native.get(...this.#values(args));
  }

  all(args: Args): Row[] {
    return this.#native.all(...this.#values(args));
  }

  /** Rows one at a time; the caller reads them in one go, and may stop early. */
  iterate(args: Args): IterableIterator<Row> {
    return this.#native.iterate(...this.#values(args));
  }

  /** Runs a statement that answers no rows; answers how many rows it changed. */
  run(args: Args): number {
    return this.#native.run(...this.#values(args)).changes;
  }

  /** Runs an INSERT of one row into a table with an integer key; answers that key. */
  insert(args: Args): number {
    return Number(this.#native.run(...this.#values(args)).lastInsertRowid);
  }

  /** Runs a statement that changes one row by its key: anything else is a bug of the caller. */
  runOnOne(args: Args): void {
    const changed = this.run(args);
    invariant(changed === 1, `${changed} rows changed instead of one`);
  }

  #values(args: Args): unknown[] {
    return this.#names.map((name) => args[name]);
  }
}

/** Prepares a connection's statements: each query is compiled and prepared here, and never again. */
export class Statements {
  readonly #database: Database.Database;
  readonly #db: Kysely<Schema>;

  constructor(database: Database.Database, db: Kysely<Schema>) {
    this.#database = database;
    this.#db = db;
  }

  prepare<Args extends object, Row>(text: QueryText<Args, Row>): Statement<Args, Row> {
    // The plus does nothing but keep SQLite from looking at the bound value when it plans: with a bare parameter in a
    // comparison or a LIMIT it parses the statement again at each call (measured on 3.54.1: 8 to 15 % of a hop's CPU).
    const arg: Arg<Args> = (name) => sql`+${new Placeholder(name)}`;
    return new Statement<Args, Row>(this.#database, text(this.#db, arg));
  }

  /** An INSERT of one row that gives these columns and leaves the others to their defaults. */
  insert<Table extends keyof Schema & string, Column extends keyof Schema[Table] & string>(
    table: Table,
    columns: readonly Column[],
    orElse = '',
  ): Statement<Pick<Schema[Table], Column>, never> {
    return this.prepare((db, arg: Arg<Pick<Schema[Table], Column>>) => {
      const names = sql.join(columns.map((column) => sql.ref(column)));
      const values = sql.join(columns.map((column) => arg(column)));
      return sql<never>`insert into ${sql.table(table)} (${names}) values (${values}) ${sql.raw(orElse)}`.compile(db);
    });
  }

  /** An UPDATE of these columns in the row with this key. */
  update<Table extends keyof Schema & string, Column extends keyof Schema[Table] & string>(
    table: Table,
    columns: readonly Column[],
    key: readonly Column[],
  ): Statement<Pick<Schema[Table], Column>, never> {
    return this.prepare((db, arg: Arg<Pick<Schema[Table], Column>>) => {
      const equation = (column: Column) => sql`${sql.ref(column)} = ${arg(column)}`;
      const changes = sql.join(columns.map(equation));
      const condition = sql.join(key.map(equation), sql` and `);
      return sql<never>`update ${sql.table(table)} set ${changes} where ${condition}`.compile(db);
    });
  }
}
