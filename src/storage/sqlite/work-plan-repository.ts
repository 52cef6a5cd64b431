import type { WorkPlanReader, WorkPlanRepository } from '../work-plan-repository.ts';
import type { Arg, Statements } from './statements.ts';
import { metadataJson, workPlanList } from './work-plan-list.ts';
import {
  fromWorkPlanRow,
  toWorkPlanRow,
  workPlanChangeColumns,
  workPlanColumns,
  workPlanStateColumns,
} from './work-plan-row.ts';

export function workPlanReader(statements: Statements): WorkPlanReader {
  const get = statements.prepare((db, arg: Arg<{ id: string }>) =>
    db
      .selectFrom('work_plans')
      .select([...workPlanColumns, metadataJson])
      .where('id', '=', arg('id'))
      .compile(),
  );
  const list = workPlanList(statements);
  return {
    async get(id) {
      const row = get.get({ id });
      return row && fromWorkPlanRow(row);
    },
    async list(filter, after, limit) {
      return list(filter, after, limit);
    },
  };
}

export function workPlanRepository(statements: Statements): WorkPlanRepository {
  const insert = statements.insert('work_plans', workPlanColumns);
  const insertMetadata = statements.insert('work_plan_metadata', ['work_plan_id', 'key', 'value', 'created_at']);
  const update = statements.update('work_plans', workPlanChangeColumns, ['id']);
  // Apart from the rest: naming the state rewrites the index page that it stands in, even if it stays the same.
  const updateState = statements.update('work_plans', workPlanStateColumns, ['id']);
  return {
    ...workPlanReader(statements),
    async insert(plan) {
      insert.run(toWorkPlanRow(plan));
      for (const [key, value] of Object.entries(plan.metadata)) {
        insertMetadata.run({ work_plan_id: plan.id, key, value, created_at: plan.createdAt });
      }
    },
    async update(plan, before) {
      const row = toWorkPlanRow(plan);
      update.runOnOne(row);
      if (plan.state !== before.state || plan.outcome !== before.outcome) updateState.runOnOne(row);
    },
  };
}
