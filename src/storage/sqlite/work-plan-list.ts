import { type Expression, sql } from 'kysely';
import type { WorkPlan } from '../../domain/work-plan.ts';
import { workPlanStates } from '../../domain/work-plan.ts';
import type { WorkPlanCursor, WorkPlanFilter } from '../work-plan-repository.ts';
import { workPlanStateCodes } from './codes.ts';
import type { Arg, Statements } from './statements.ts';
import { fromWorkPlanRow, type WorkPlanViewRow, workPlanColumns } from './work-plan-row.ts';

type Page = { createdAt: number; id: string; limit: number };

/** A plan's metadata as one JSON object, beside columns of `work_plans`. */
export const metadataJson = sql<string>`(
  select json_group_object(m.key, m.value) from work_plan_metadata as m where m.work_plan_id = work_plans.id
)`.as('metadata_json');

/** Sorts after every plan: where the first page starts. */
const NEWEST: WorkPlanCursor = { createdAt: Number.MAX_SAFE_INTEGER, id: '' };

export type WorkPlanList = (
  filter: WorkPlanFilter,
  after: WorkPlanCursor | undefined,
  limit: number,
) => readonly WorkPlan[];

/**
 * Lists plans, newest first, reading no more than a page needs: without a metadata filter each state's plans come in
 * order from their index and are merged; with one, the plans of its first pair come in order from the pair's index.
 */
export function workPlanList(statements: Statements): WorkPlanList {
  const byState = statements.prepare((db, arg: Arg<Page & { state: number }>) =>
    db
      .selectFrom('work_plans')
      .select([...workPlanColumns, metadataJson])
      .where('state', '=', arg('state'))
      .where(olderThan(sql.ref('created_at'), sql.ref('id'), arg))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(arg('limit'))
      .compile(),
  );
  const byMetadata = statements.prepare(
    (db, arg: Arg<Page & { key: string; value: string; states: string; others: string }>) =>
      db
        .selectFrom('work_plan_metadata as pair')
        .innerJoin('work_plans', 'work_plans.id', 'pair.work_plan_id')
        .select(workPlanColumns.map((column) => `work_plans.${column}` as const))
        .select(metadataJson)
        .where('pair.key', '=', arg('key'))
        .where('pair.value', '=', arg('value'))
        .where(olderThan(sql.ref('pair.created_at'), sql.ref('pair.work_plan_id'), arg))
        .where('work_plans.state', 'in', sql<number>`(select value from json_each(${arg('states')}))`)
        .where(
          sql<boolean>`not exists (
            select 1 from json_each(${arg('others')}) as wanted where not exists (
              select 1 from work_plan_metadata as m
              where m.work_plan_id = pair.work_plan_id and m.key = wanted.key and m.value = wanted.value
            )
          )`,
        )
        .orderBy('pair.created_at', 'desc')
        .orderBy('pair.work_plan_id', 'desc')
        .limit(arg('limit'))
        .compile(),
  );
  return (filter, after, limit) => {
    const page: Page = { ...(after ?? NEWEST), limit };
    const words = new Set(filter.states.length === 0 ? workPlanStates : filter.states);
    const states = Array.from(words, (state) => workPlanStateCodes.encode(state));
    const [first, ...others] = Object.entries(filter.metadata);
    if (first === undefined) {
      return newest(
        states.flatMap((state) => byState.all({ ...page, state })),
        limit,
      ).map(fromWorkPlanRow);
    }
    const [key, value] = first;
    const wanted = { key, value, states: JSON.stringify(states), others: JSON.stringify(Object.fromEntries(others)) };
    return byMetadata.all({ ...page, ...wanted }).map(fromWorkPlanRow);
  };
}

function olderThan(createdAt: Expression<unknown>, id: Expression<unknown>, arg: Arg<Page>): Expression<boolean> {
  return sql<boolean>`(${createdAt}, ${id}) < (${arg('createdAt')}, ${arg('id')})`;
}

function newest(rows: readonly WorkPlanViewRow[], limit: number): WorkPlanViewRow[] {
  return rows
    .toSorted((a, b) => b.created_at - a.created_at || Buffer.compare(Buffer.from(b.id), Buffer.from(a.id)))
    .slice(0, limit);
}
