import { sql } from 'kysely';
import type { CheckReader, CheckRepository } from '../check-repository.ts';
import { checkColumns, fromCheckRow, toCheckRow } from './check-row.ts';
import { checkStateCodes } from './codes.ts';
import { fromJson, toJson } from './json-column.ts';
import type { Arg, Statements } from './statements.ts';

type Key = { planId: string; id: string };

export function checkReader(statements: Statements): CheckReader {
  const get = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('checks')
      .select(checkColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const options = statements.prepare((db, arg: Arg<Key>) =>
    db
      .selectFrom('checks')
      .select('options_json')
      .where('work_plan_id', '=', arg('planId'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  return {
    async get(planId, id) {
      const row = get.get({ planId, id });
      return row && fromCheckRow(row);
    },
    async options(planId, id) {
      return fromJson(options.get({ planId, id })?.options_json ?? null);
    },
  };
}

export function checkRepository(statements: Statements): CheckRepository {
  const insert = statements.insert('checks', [...checkColumns, 'options_json']);
  const update = statements.prepare((db, arg: Arg<ReturnType<typeof toCheckRow>>) =>
    db
      .updateTable('checks')
      .set({
        state: arg('state'),
        kind: arg('kind'),
        outcome: arg('outcome'),
        version: arg('version'),
        revision: arg('revision'),
        updated_at: arg('updated_at'),
        goals_json: arg('goals_json'),
        result_count: arg('result_count'),
      })
      .where('work_plan_id', '=', arg('work_plan_id'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const setOptions = statements.prepare((db, arg: Arg<Key & { options: string | null }>) =>
    db
      .updateTable('checks')
      .set({ options_json: arg('options') })
      .where('work_plan_id', '=', arg('planId'))
      .where('id', '=', arg('id'))
      .compile(),
  );
  const openIds = statements.prepare((db, arg: Arg<{ planId: string }>) =>
    db
      .selectFrom('checks')
      .select('id')
      .where('work_plan_id', '=', arg('planId'))
      .where('state', '<>', sql.lit(checkStateCodes.encode('FINAL')))
      .orderBy('position')
      .compile(),
  );
  return {
    ...checkReader(statements),
    async insert(check, options) {
      insert.run({ ...toCheckRow(check), options_json: toJson(options) });
    },
    async update(check) {
      update.runOnOne(toCheckRow(check));
    },
    async setOptions(planId, id, options) {
      setOptions.runOnOne({ planId, id, options: toJson(options) });
    },
    async openIds(planId) {
      return openIds.all({ planId }).map((row) => row.id);
    },
  };
}
