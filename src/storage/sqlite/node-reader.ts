import { type Expression, type SqlBool, sql } from 'kysely';
import { checkStates } from '../../domain/check.ts';
import { stageStates } from '../../domain/stage.ts';
import type { NodeReader, NodeSelector } from '../node-reader.ts';
import { checkColumns, fromCheckRow } from './check-row.ts';
import { type Codes, checkStateCodes, stageStateCodes } from './codes.ts';
import { IdStatement } from './id-statement.ts';
import { fromJson } from './json-column.ts';
import { nodeParts } from './node-parts.ts';
import { fromStageRow, stageColumns } from './stage-row.ts';
import type { Arg, Statements } from './statements.ts';

type Page = { planId: string; full: number; states: number; after: number; limit: number };

/** What SQLite takes for no limit. */
const NO_LIMIT = -1;

export function nodeReader(statements: Statements): NodeReader {
  const readChecks = checkStatements(statements);
  const readStages = stageStatements(statements);
  const parts = nodeParts(statements);
  return {
    async checks(planId, selector, view) {
      const page = { planId, full: Number(view === 'FULL'), ...pageOf(selector, checkStates, checkStateCodes) };
      const rows = readChecks(page, selector.ids);
      const ids = rows.map((row) => row.id);
      const results = parts.results(
        planId,
        idsWhere(rows, (row) => row.result_count > 0),
        view,
      );
      const trees = parts.trees(planId, 'CHECK', ids, 'DEPENDENCIES');
      return rows.map((row) => ({
        position: row.position,
        node: {
          ...fromCheckRow(row),
          options: fromJson(row.json),
          dependencies: trees.get(row.id),
          results: results.get(row.id) ?? [],
        },
      }));
    },
    async stages(planId, selector, view) {
      const page = { planId, full: Number(view === 'FULL'), ...pageOf(selector, stageStates, stageStateCodes) };
      const rows = readStages(page, selector.ids);
      const ids = rows.map((row) => row.id);
      const assignments = parts.assignments(planId, ids);
      const trees = parts.trees(planId, 'STAGE', ids, 'DEPENDENCIES');
      const waiting = idsWhere(rows, (row) => row.has_continuation_group === 1);
      const continuations = parts.trees(planId, 'STAGE', waiting, 'CONTINUATION');
      const attempts = parts.attempts(
        planId,
        idsWhere(rows, (row) => row.attempt_count > 0),
        view,
      );
      return rows.map((row) => ({
        position: row.position,
        node: {
          ...fromStageRow(row),
          args: fromJson(row.json),
          assignments: assignments.get(row.id) ?? [],
          dependencies: trees.get(row.id),
          continuationGroup: continuations.get(row.id),
          attempts: attempts.get(row.id) ?? [],
        },
      }));
    },
  };
}

/** The nodes whose rows say that they have a part: no statement is run for what is not there. */
function idsWhere<Row extends { readonly id: string }>(rows: readonly Row[], has: (row: Row) => boolean): string[] {
  return rows.filter(has).map((row) => row.id);
}

function checkStatements(statements: Statements) {
  const inOrder = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('checks')
      .select(['position', ...checkColumns])
      .select(sql<string | null>`case when ${arg('full')} then options_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('position', '>', arg('after'))
      .where(isOneOf('state', arg('states')))
      .orderBy('position')
      .limit(arg('limit'))
      .compile(),
  );
  const byIds = new IdStatement(statements, (db, arg: Arg<Page>, isWanted) =>
    db
      .selectFrom('checks')
      .select(['position', ...checkColumns])
      .select(sql<string | null>`case when ${arg('full')} then options_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('id'))
      .where(isOneOf('state', arg('states')))
      .compile(),
  );
  return (page: Page, ids: readonly string[]) =>
    ids.length === 0 ? inOrder.all(page) : pageFrom(byIds.all(page, ids), page);
}

function stageStatements(statements: Statements) {
  const inOrder = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('stages')
      .select(['position', ...stageColumns])
      .select(sql<string | null>`case when ${arg('full')} then args_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('position', '>', arg('after'))
      .where(isOneOf('state', arg('states')))
      .orderBy('position')
      .limit(arg('limit'))
      .compile(),
  );
  const byIds = new IdStatement(statements, (db, arg: Arg<Page>, isWanted) =>
    db
      .selectFrom('stages')
      .select(['position', ...stageColumns])
      .select(sql<string | null>`case when ${arg('full')} then args_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where(isWanted('id'))
      .where(isOneOf('state', arg('states')))
      .compile(),
  );
  return (page: Page, ids: readonly string[]) =>
    ids.length === 0 ? inOrder.all(page) : pageFrom(byIds.all(page, ids), page);
}

/** A page of the rows that were looked up by their ids, in the order of creation. */
function pageFrom<Row extends { readonly position: number }>(rows: readonly Row[], { after, limit }: Page): Row[] {
  const left = rows.filter((row) => row.position > after).sort((a, b) => a.position - b.position);
  return limit === NO_LIMIT ? left : left.slice(0, limit);
}

function pageOf<State extends string>(
  selector: NodeSelector<State>,
  all: readonly State[],
  codes: Codes<State, number>,
): Pick<Page, 'states' | 'after' | 'limit'> {
  const states = selector.states.length === 0 ? all : selector.states;
  return {
    states: bitSet(states.map((state) => codes.encode(state))),
    after: selector.after,
    limit: selector.limit ?? NO_LIMIT,
  };
}

/** Whether a state's bit is in the set: each state number is a multiple of ten. A list would cost a table a call. */
function isOneOf(column: string, set: Expression<number>): Expression<SqlBool> {
  return sql<SqlBool>`(1 << (${sql.ref(column)} / 10)) & ${set} <> 0`;
}

function bitSet(numbers: readonly number[]): number {
  return numbers.reduce((set, number) => set | (1 << (number / 10)), 0);
}
