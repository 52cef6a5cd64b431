import { sql } from 'kysely';
import type { StageReader, StageRepository } from '../stage-repository.ts';
import { goalStateCodes, stageStateCodes } from './codes.ts';
import { fromJson, toJson } from './json-column.ts';
import {
  fromAssignmentRow,
  fromStageRow,
  type StageChangeRow,
  stageColumns,
  toStageChangeRow,
  toStageRow,
} from './stage-row.ts';
import type { Arg, Statements } from './statements.ts';

type Key = { planId: string; id: string };

export function stageReader(statements: Statements): StageReader {
  const get = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('stages')
      .select(stageColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const args = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('stages')
      .select('args_json')
      .where('work_plan_id', '=', arg('planId'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const assignments = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('stage_assignments')
      .select(['target_check_id', 'goal_state'])
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', '=', arg('id'))
      .orderBy('position')
      .compile(),
  );
  return {
    async get(planId, id) {
      const row = get.get({ planId, id });
      return row && fromStageRow(row);
    },
    async args(planId, id) {
      return fromJson(args.get({ planId, id })?.args_json ?? null);
    },
    async assignments(planId, stageId) {
      return assignments.all({ planId, id: stageId }).map(fromAssignmentRow);
    },
  };
}

export function stageRepository(statements: Statements): StageRepository {
  const insert = statements.insert('stages', [...stageColumns, 'due_at', 'args_json']);
  const insertAssignment = statements.insert('stage_assignments', [
    'work_plan_id',
    'stage_id',
    'target_check_id',
    'goal_state',
    'position',
  ]);
  const update = statements.prepare((db, arg: Arg<StageChangeRow>) =>
    db
      .updateTable('stages')
      .set({
        state: arg('state'),
        outcome: arg('outcome'),
        concluded_reason: arg('concluded_reason'),
        cancelled_at: arg('cancelled_at'),
        cancel_reason: arg('cancel_reason'),
        timed_out: arg('timed_out'),
        due_at: arg('due_at'),
        attempt_count: arg('attempt_count'),
        open_children: arg('open_children'),
        has_continuation_group: arg('has_continuation_group'),
        version: arg('version'),
        revision: arg('revision'),
        updated_at: arg('updated_at'),
      })
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const final = sql.lit(stageStateCodes.encode('FINAL'));
  const openIds = statements.prepare((db, arg: Arg<{ planId: string }>) =>
    db
      .selectFrom('stages')
      .select('id')
      .where('work_plan_id', '=', arg('planId'))
      .where('state', '<>', final)
      .orderBy('position')
      .compile(),
  );
  const openChildIds = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('stages')
      .select('id')
      .where('work_plan_id', '=', arg('planId'))
      .where('parent_stage_id', '=', arg('id'))
      .where('state', '<>', final)
      .orderBy('position')
      .compile(),
  );
  return {
    ...stageReader(statements),
    async insert(stage, args, assignments) {
      insert.run({ ...toStageRow(stage), args_json: toJson(args) });
      for (const [position, { targetCheckId, goalState }] of assignments.entries()) {
        insertAssignment.run({
          work_plan_id: stage.planId,
          stage_id: stage.id,
          target_check_id: targetCheckId,
          goal_state: goalStateCodes.encode(goalState),
          position,
        });
      }
    },
    async update(stage) {
      update.runOnOne(toStageChangeRow(stage));
    },
    async openIds(planId) {
      return openIds.all({ planId }).map((row) => row.id);
    },
    async openChildIds(planId, parentStageId) {
      return openChildIds.all({ planId, id: parentStageId }).map((row) => row.id);
    },
  };
}
