import { type CompiledQuery, type Expression, type Kysely, type SqlBool, sql } from 'kysely';
import type { Schema } from './schema.ts';
import type { Arg, Statement, Statements } from './statements.ts';

/** Up to so many ids each is looked up by itself: 3 µs each, where a list costs 10 to 25 µs before its first row. */
const FEW = 8;

/** The condition that a column holds one of the ids that are asked for. */
export type IsWanted = (column: string) => Expression<SqlBool>;

/** Writes a query over nodes by their ids, once, when the storage opens. */
export type IdQuery<Args, Row> = (db: Kysely<Schema>, arg: Arg<Args>, isWanted: IsWanted) => CompiledQuery<Row>;

type WithIds = { readonly ids: string };

/** A query over nodes by their ids, in two forms: for one id at a time, and for a list of any length. */
export class IdStatement<Args extends object, Row> {
  readonly #one: Statement<Args & WithIds, Row>;
  readonly #list: Statement<Args & WithIds, Row>;

  constructor(statements: Statements, text: IdQuery<Args, Row>) {
    const prepare = (isWanted: (column: string, ids: Expression<string>) => Expression<SqlBool>) =>
      statements.prepare<Args & WithIds, Row>((db, arg) => text(db, arg, (column) => isWanted(column, arg('ids'))));
    this.#one = prepare((column, id) => sql<SqlBool>`${sql.ref(column)} = ${id}`);
    this.#list = prepare((column, ids) => sql<SqlBool>`${sql.ref(column)} in (select value from json_each(${ids}))`);
  }

  /** The rows of these ids, in no order. */
  all(args: Args, ids: readonly string[]): Row[] {
    if (ids.length > FEW) return this.#list.all({ ...args, ids: JSON.stringify(ids) });
    return [...new Set(ids)].flatMap((id) => this.#one.all({ ...args, ids: id }));
  }
}
