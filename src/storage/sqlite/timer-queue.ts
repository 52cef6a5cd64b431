import { sql } from 'kysely';
import type { TimerQueue } from '../attempt-repository.ts';
import { attemptKeyColumns, fromAttemptKeyRow } from './attempt-row.ts';
import type { Arg, Statements } from './statements.ts';

type Due = { now: number; limit: number };

export function timerQueue(statements: Statements): TimerQueue {
  const dueAttempts = statements.prepare((db, arg: Arg<Due>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where('due_at', '<=', arg('now'))
      .orderBy('due_at')
      .limit(arg('limit'))
      .compile(),
  );
  const dueStages = statements.prepare((db, arg: Arg<Due>) =>
    db
      .selectFrom('stages')
      .select(['work_plan_id', 'id'])
      .where('due_at', '<=', arg('now'))
      .orderBy('due_at')
      .limit(arg('limit'))
      .compile(),
  );
  const next = statements.prepare((db) =>
    sql<{ at: number | null }>`
      select min(at) as at from (
        select min(due_at) as at from stage_attempts where due_at is not null
        union all
        select min(due_at) from stages where due_at is not null
      )
    `.compile(db),
  );
  return {
    async due(now, limit) {
      return {
        attempts: dueAttempts.all({ now, limit }).map(fromAttemptKeyRow),
        stages: dueStages.all({ now, limit }).map((row) => ({ planId: row.work_plan_id, stageId: row.id })),
      };
    },
    async nextDueAt() {
      return next.get({})?.at ?? undefined;
    },
  };
}
