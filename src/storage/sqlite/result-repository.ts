import { sql } from 'kysely';
import type { ResultRepository } from '../result-repository.ts';
import { fromResultRow, resultColumns, toResultRow } from './result-row.ts';
import type { Arg, Statements } from './statements.ts';

type Check = { planId: string; checkId: string };
type Owner = { planId: string; ownerType: string; ownerId: string };

type Replacement = {
  id: number;
  planId: string;
  checkId: string;
  data_json: string | null;
  finalized_at: number | null;
  failure_message: string | null;
  failure_reason: string | null;
  failure_at: number | null;
};

export function resultRepository(statements: Statements): ResultRepository {
  const find = statements.prepare((db, arg: Arg<Check & Owner>) =>
    db
      .selectFrom('check_results')
      .select(resultColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', '=', arg('checkId'))
      .where('owner_type', '=', arg('ownerType'))
      .where('owner_id', '=', arg('ownerId'))
      .compile(),
  );
  const insert = statements.insert('check_results', [
    'work_plan_id',
    'check_id',
    'owner_type',
    'owner_id',
    'data_json',
    'created_at',
    'finalized_at',
    'failure_message',
    'failure_reason',
    'failure_at',
  ]);
  const replace = statements.prepare((db, arg: Arg<Replacement>) =>
    db
      .updateTable('check_results')
      .set({
        data_json: arg('data_json'),
        finalized_at: arg('finalized_at'),
        failure_message: arg('failure_message'),
        failure_reason: arg('failure_reason'),
        failure_at: arg('failure_at'),
      })
      .where('id', '=', arg('id'))
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', '=', arg('checkId'))
      .compile(),
  );
  const finalizeOfCheck = statements.prepare((db, arg: Arg<Check & { at: number }>) =>
    db
      .updateTable('check_results')
      .set({ finalized_at: arg('at') })
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', '=', arg('checkId'))
      .where('finalized_at', 'is', null)
      .returning(resultColumns)
      .compile(),
  );
  const finalizeOfOwner = statements.prepare((db, arg: Arg<Owner & { at: number }>) =>
    db
      .updateTable('check_results')
      .set({ finalized_at: arg('at') })
      .where('work_plan_id', '=', arg('planId'))
      .where('owner_type', '=', arg('ownerType'))
      .where('owner_id', '=', arg('ownerId'))
      .where('finalized_at', 'is', null)
      .returning(['check_id', ...resultColumns])
      .compile(),
  );
  // Both look-ups ask for a column that no index has: else SQLite would read all results of the plan from the index of
  // check ids, which covers the rest, instead of searching that of owners.
  const openOf = statements.prepare((db, arg: Arg<Owner>) =>
    db
      .selectFrom('check_results')
      .select('id')
      .where('work_plan_id', '=', arg('planId'))
      .where('owner_type', '=', arg('ownerType'))
      .where('owner_id', '=', arg('ownerId'))
      .where('finalized_at', 'is', null)
      .limit(sql.lit(1))
      .compile(),
  );
  const checksOf = statements.prepare((db, arg: Arg<Owner>) =>
    db
      .selectFrom('check_results')
      .select(['check_id', 'superseded'])
      .where('work_plan_id', '=', arg('planId'))
      .where('owner_type', '=', arg('ownerType'))
      .where('owner_id', '=', arg('ownerId'))
      .compile(),
  );
  const supersede = statements.prepare((db, arg: Arg<Owner & Check>) =>
    db
      .updateTable('check_results')
      .set({ superseded: sql.lit(1) })
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', '=', arg('checkId'))
      .where('owner_type', '=', arg('ownerType'))
      .where('owner_id', '=', arg('ownerId'))
      .compile(),
  );
  const failed = statements.prepare((db, arg: Arg<Check>) =>
    db
      .selectFrom('check_results')
      .select('id')
      .where('work_plan_id', '=', arg('planId'))
      .where('check_id', '=', arg('checkId'))
      .where('superseded', '=', sql.lit(0))
      .where('failure_message', 'is not', null)
      .limit(sql.lit(1))
      .compile(),
  );
  return {
    async find(planId, checkId, ownerType, ownerId) {
      const row = find.get({ planId, checkId, ownerType, ownerId });
      return row && fromResultRow(row);
    },
    async insert(planId, checkId, result) {
      return { ...result, id: insert.insert({ work_plan_id: planId, check_id: checkId, ...toResultRow(result) }) };
    },
    async replace(planId, checkId, result) {
      replace.runOnOne({ planId, checkId, id: result.id, ...toResultRow(result) });
    },
    async finalizeOfCheck(planId, checkId, at) {
      return finalizeOfCheck.all({ planId, checkId, at }).map(fromResultRow);
    },
    async finalizeOfOwner(planId, ownerType, ownerId, at) {
      // Most attempts leave no results; looking costs a third of an UPDATE that finds none.
      if (openOf.get({ planId, ownerType, ownerId }) === undefined) return [];
      const rows = finalizeOfOwner.all({ planId, ownerType, ownerId, at });
      return rows.map((row) => ({ checkId: row.check_id, result: fromResultRow(row) }));
    },
    async checkIdsOf(planId, ownerType, ownerId) {
      return checksOf.all({ planId, ownerType, ownerId }).map((row) => row.check_id);
    },
    async supersede(planId, checkId, ownerType, ownerId) {
      supersede.run({ planId, checkId, ownerType, ownerId });
    },
    async hasFailure(planId, checkId) {
      return failed.get({ planId, checkId }) !== undefined;
    },
  };
}
