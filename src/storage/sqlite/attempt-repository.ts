import type { Attempt } from '../../domain/attempt.ts';
import { queueOf } from '../../domain/queue.ts';
import type { AttemptKey, AttemptReader, AttemptRepository } from '../attempt-repository.ts';
import {
  attemptChangeColumns,
  attemptColumns,
  attemptHandOutColumns,
  attemptKeyColumns,
  fromAttemptRow,
  fromProgressRow,
  progressColumns,
  toAttemptRow,
} from './attempt-row.ts';
import { fromJson, toJson } from './json-column.ts';
import type { Arg, Statements } from './statements.ts';

export function attemptReader(statements: Statements): AttemptReader {
  const get = statements.prepare((db, arg: Arg<AttemptKey>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', '=', arg('stageId'))
      .where('idx', '=', arg('idx'))
      .compile(),
  );
  const findExecution = statements.prepare((db, arg: Arg<{ executionId: string }>) =>
    db.selectFrom('stage_attempts').select(attemptColumns).where('execution_id', '=', arg('executionId')).compile(),
  );
  const details = statements.prepare((db, arg: Arg<AttemptKey>) =>
    db
      .selectFrom('stage_attempts')
      .select('details_json')
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', '=', arg('stageId'))
      .where('idx', '=', arg('idx'))
      .compile(),
  );
  return {
    async get(key) {
      const row = get.get(key);
      return row && fromAttemptRow(row);
    },
    async findExecution(executionId) {
      const row = findExecution.get({ executionId });
      return row && fromAttemptRow(row);
    },
    async details(key) {
      return fromJson(details.get(key)?.details_json ?? null);
    },
  };
}

export function attemptRepository(statements: Statements): AttemptRepository {
  const insert = statements.insert('stage_attempts', [...attemptColumns, 'due_at', 'runner_type', 'queue']);
  const update = statements.update(
    'stage_attempts',
    [...attemptChangeColumns, ...attemptHandOutColumns, 'due_at'],
    attemptKeyColumns,
  );
  // Apart, though it is one more statement: naming a column rewrites its indexes, even if it stays the same.
  const updateInHand = statements.update('stage_attempts', [...attemptChangeColumns, 'due_at'], attemptKeyColumns);
  const setDetails = statements.prepare((db, arg: Arg<AttemptKey & { details: string | null }>) =>
    db
      .updateTable('stage_attempts')
      .set({ details_json: arg('details') })
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', '=', arg('stageId'))
      .where('idx', '=', arg('idx'))
      .compile(),
  );
  const appendProgress = statements.insert('attempt_progress', [
    'work_plan_id',
    'stage_id',
    'idx',
    'position',
    ...progressColumns,
  ]);
  const findProgress = statements.prepare((db, arg: Arg<AttemptKey & { idempotencyKey: string }>) =>
    db
      .selectFrom('attempt_progress')
      .select(progressColumns)
      .where('work_plan_id', '=', arg('planId'))
      .where('stage_id', '=', arg('stageId'))
      .where('idx', '=', arg('idx'))
      .where('idempotency_key', '=', arg('idempotencyKey'))
      .compile(),
  );
  return {
    ...attemptReader(statements),
    async insert({ attempt, runnerType, mode }) {
      const queue = queueOf(runnerType, mode) ?? null;
      insert.run({ ...toAttemptRow(attempt), runner_type: runnerType, queue });
    },
    async update(attempt, before) {
      const statement = isInSameHands(attempt, before) ? updateInHand : update;
      statement.runOnOne(toAttemptRow(attempt));
    },
    async setDetails(key, details) {
      setDetails.runOnOne({ ...key, details: toJson(details) });
    },
    async appendProgress({ planId, stageId, idx }, position, entry) {
      appendProgress.run({
        work_plan_id: planId,
        stage_id: stageId,
        idx,
        position,
        message: entry.message,
        timestamp: entry.timestamp,
        details_json: toJson(entry.details),
        percent: entry.percent ?? null,
        idempotency_key: entry.idempotencyKey === '' ? null : entry.idempotencyKey,
      });
    },
    async findProgress(key, idempotencyKey) {
      const row = findProgress.get({ ...key, idempotencyKey });
      return row && fromProgressRow(row);
    },
  };
}

function isInSameHands(attempt: Attempt, before: Attempt): boolean {
  return (
    attempt.processUid === before.processUid &&
    attempt.executionId === before.executionId &&
    attempt.dispatch === before.dispatch &&
    attempt.runnerId === before.runnerId &&
    attempt.availableAt === before.availableAt &&
    attempt.confirmBy === before.confirmBy
  );
}
