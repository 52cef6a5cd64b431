import { type Expression, sql } from 'kysely';
import { checkStates } from '../../domain/check.ts';
import { stageStates } from '../../domain/stage.ts';
import type { NodeReader, NodeSelector } from '../node-reader.ts';
import { checkColumns, fromCheckRow } from './check-row.ts';
import { type Codes, checkStateCodes, stageStateCodes } from './codes.ts';
import { fromJson } from './json-column.ts';
import { nodeParts } from './node-parts.ts';
import { fromStageRow, stageColumns } from './stage-row.ts';
import type { Arg, Statements } from './statements.ts';

type Page = { planId: string; full: number; states: string; after: number; limit: number };
type PageOfIds = Page & { ids: string };

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
      const results = parts.results(planId, ids, view);
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
      const continuations = parts.trees(planId, 'STAGE', ids, 'CONTINUATION');
      const attempts = parts.attempts(planId, ids, view);
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

function checkStatements(statements: Statements) {
  const inOrder = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('checks')
      .select(['position', ...checkColumns])
      .select(sql<string | null>`case when ${arg('full')} then options_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('position', '>', arg('after'))
      .where('state', 'in', valuesOf(arg('states')))
      .orderBy('position')
      .limit(arg('limit'))
      .compile(),
  );
  const byIds = statements.prepare((db, arg: Arg<PageOfIds>) =>
    db
      .selectFrom('checks')
      .select(['position', ...checkColumns])
      .select(sql<string | null>`case when ${arg('full')} then options_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .where(notIndexed('position'), '>', arg('after'))
      .where('state', 'in', valuesOf(arg('states')))
      .orderBy(notIndexed('position'))
      .limit(arg('limit'))
      .compile(),
  );
  return (page: Page, ids: readonly string[]) =>
    ids.length === 0 ? inOrder.all(page) : byIds.all({ ...page, ids: JSON.stringify(ids) });
}

function stageStatements(statements: Statements) {
  const inOrder = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('stages')
      .select(['position', ...stageColumns])
      .select(sql<string | null>`case when ${arg('full')} then args_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('position', '>', arg('after'))
      .where('state', 'in', valuesOf(arg('states')))
      .orderBy('position')
      .limit(arg('limit'))
      .compile(),
  );
  const byIds = statements.prepare((db, arg: Arg<PageOfIds>) =>
    db
      .selectFrom('stages')
      .select(['position', ...stageColumns])
      .select(sql<string | null>`case when ${arg('full')} then args_json end`.as('json'))
      .where('work_plan_id', '=', arg('planId'))
      .where('id', 'in', sql<string>`(select value from json_each(${arg('ids')}))`)
      .where(notIndexed('position'), '>', arg('after'))
      .where('state', 'in', valuesOf(arg('states')))
      .orderBy(notIndexed('position'))
      .limit(arg('limit'))
      .compile(),
  );
  return (page: Page, ids: readonly string[]) =>
    ids.length === 0 ? inOrder.all(page) : byIds.all({ ...page, ids: JSON.stringify(ids) });
}

function pageOf<State extends string>(
  selector: NodeSelector<State>,
  all: readonly State[],
  codes: Codes<State, number>,
): Pick<Page, 'states' | 'after' | 'limit'> {
  const states = selector.states.length === 0 ? all : selector.states;
  return {
    states: JSON.stringify(states.map((state) => codes.encode(state))),
    after: selector.after,
    limit: selector.limit ?? NO_LIMIT,
  };
}

function valuesOf(array: Expression<string>): Expression<number> {
  return sql<number>`(select value from json_each(${array}))`;
}

/** A column that SQLite is to take from the row: with few ids, their index beats a walk in the order of creation. */
function notIndexed(column: 'position'): Expression<number> {
  return sql<number>`+${sql.ref(column)}`;
}
