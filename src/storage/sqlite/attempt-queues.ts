import { sql } from 'kysely';
import type { AttemptKey, BuiltinQueue, TimerQueue } from '../attempt-repository.ts';
import { attemptStateCodes } from './codes.ts';
import type { Arg, Statements } from './statements.ts';

const keyColumns = ['work_plan_id', 'stage_id', 'idx'] as const;

/** The condition of idx_stage_attempts_builtin_queue, in its words: SQLite then uses that index. */
const isQueued = sql<boolean>`state = ${sql.lit(attemptStateCodes.encode('PENDING'))} and builtin = 1 and process_uid is null`;

/**
 * The plans with queued attempts, from plan to plan through the index: one with thousands of them costs one step
 * (https://wiki.postgresql.org/wiki/Loose_indexscan).
 */
const queuedPlans = sql`
  with recursive queued (id) as (
    select min(work_plan_id) from stage_attempts where ${isQueued}
    union all
    select (select min(work_plan_id) from stage_attempts where ${isQueued} and work_plan_id > queued.id)
    from queued where queued.id is not null
  )`;

/** The queued attempts of the plan at hand. */
const ofPlan = sql`from stage_attempts where ${isQueued} and work_plan_id = queued.id`;

export function builtinQueue(statements: Statements): BuiltinQueue {
  const nextAvailable = statements.prepare((db, arg: Arg<{ planId: string; now: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select(keyColumns)
      .where(isQueued)
      .where('work_plan_id', '=', arg('planId'))
      .where('available_at', '<=', arg('now'))
      .orderBy('available_at')
      .limit(sql.lit(1))
      .compile(),
  );
  const plansWithAvailable = statements.prepare((db, arg: Arg<{ now: number }>) =>
    sql<{ id: string }>`
      ${queuedPlans}
      select id from queued where (select min(available_at) ${ofPlan}) <= ${arg('now')}
    `.compile(db),
  );
  const nextAvailableAt = statements.prepare((db, arg: Arg<{ now: number }>) =>
    sql<{ at: number | null }>`
      ${queuedPlans}
      select min((select min(available_at) ${ofPlan} and available_at > ${arg('now')})) as at from queued
    `.compile(db),
  );
  const started = statements.prepare((db, arg: Arg<{ limit: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select(keyColumns)
      .where('state', '<', sql.lit(attemptStateCodes.encode('COMPLETE')))
      .where('state', '<>', sql.lit(attemptStateCodes.encode('PENDING')))
      .where('builtin', '=', sql.lit(1))
      .where('execution_id', 'is not', null)
      .limit(arg('limit'))
      .compile(),
  );
  return {
    async nextAvailable(planId, now) {
      const row = nextAvailable.get({ planId, now });
      return row && toKey(row);
    },
    async plansWithAvailable(now) {
      return plansWithAvailable.all({ now }).map((row) => row.id);
    },
    async nextAvailableAt(now) {
      return nextAvailableAt.get({ now })?.at ?? undefined;
    },
    async started(limit) {
      return started.all({ limit }).map(toKey);
    },
  };
}

export function timerQueue(statements: Statements): TimerQueue {
  const due = statements.prepare((db, arg: Arg<{ now: number; limit: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select(keyColumns)
      .where('due_at', '<=', arg('now'))
      .orderBy('due_at')
      .limit(arg('limit'))
      .compile(),
  );
  const next = statements.prepare((db) =>
    db
      .selectFrom('stage_attempts')
      .select('due_at')
      .where('due_at', 'is not', null)
      .orderBy('due_at')
      .limit(sql.lit(1))
      .compile(),
  );
  return {
    async due(now, limit) {
      return due.all({ now, limit }).map(toKey);
    },
    async nextDueAt() {
      return next.get({})?.due_at ?? undefined;
    },
  };
}

function toKey(row: { work_plan_id: string; stage_id: string; idx: number }): AttemptKey {
  return { planId: row.work_plan_id, stageId: row.stage_id, idx: row.idx };
}
