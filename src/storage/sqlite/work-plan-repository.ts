import { sql } from 'kysely';
import type { WorkPlanReader, WorkPlanRepository } from '../work-plan-repository.ts';
import type { Arg, Statements } from './statements.ts';
import { metadataJson, workPlanList } from './work-plan-list.ts';
import { fromWorkPlanRow, toWorkPlanRow, type WorkPlanRow, workPlanColumns } from './work-plan-row.ts';

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
  const update = statements.prepare((db, arg: Arg<WorkPlanRow>) =>
    db
      .updateTable('work_plans')
      .set({
        version: arg('version'),
        checks_planning: arg('checks_planning'),
        checks_planned: arg('checks_planned'),
        checks_waiting: arg('checks_waiting'),
        checks_final: arg('checks_final'),
        stages_planned: arg('stages_planned'),
        stages_attempting: arg('stages_attempting'),
        stages_awaiting_group: arg('stages_awaiting_group'),
        stages_final: arg('stages_final'),
        nodes_failed: arg('nodes_failed'),
        nodes_cancelled: arg('nodes_cancelled'),
        updated_at: arg('updated_at'),
        cancelled_at: arg('cancelled_at'),
        cancel_reason: arg('cancel_reason'),
      })
      .where('id', '=', arg('id'))
      .compile(),
  );
  // Apart from the counters: writing the state rewrites the index page that it stands in, even if it stays the same.
  const updateState = statements.prepare((db, arg: Arg<Pick<WorkPlanRow, 'id' | 'state' | 'outcome'>>) =>
    db
      .updateTable('work_plans')
      .set({ state: arg('state'), outcome: arg('outcome') })
      .where('id', '=', arg('id'))
      .where(sql<boolean>`(state <> ${arg('state')} or outcome is not ${arg('outcome')})`)
      .compile(),
  );
  return {
    ...workPlanReader(statements),
    async insert(plan) {
      insert.run(toWorkPlanRow(plan));
      for (const [key, value] of Object.entries(plan.metadata)) {
        insertMetadata.run({ work_plan_id: plan.id, key, value, created_at: plan.createdAt });
      }
    },
    async update(plan) {
      const row = toWorkPlanRow(plan);
      update.runOnOne(row);
      updateState.run(row);
    },
  };
}
