import { sql } from 'kysely';
import type { AttemptQueues, QueuedPlan } from '../attempt-repository.ts';
import { attemptKeyColumns, fromAttemptKeyRow } from './attempt-row.ts';
import { attemptStateCodes } from './codes.ts';
import type { Arg, Statements } from './statements.ts';

type QueueRow = { queue: string; plan_id: string };

/** The condition of idx_stage_attempts_queue, in its words: SQLite then uses that index. */
const isQueued = sql<boolean>`
  state = ${sql.lit(attemptStateCodes.encode('PENDING'))} and process_uid is null and queue is not null`;

/** The condition of idx_stage_attempts_backoff: the queued attempts that were not available from the start. */
const hasBackoff = sql<boolean>`${isQueued} and available_at > created_at`;

/**
 * The queues, and the plans with attempts in each, from one to the next through the index: a plan with thousands of
 * attempts costs one step (https://wiki.postgresql.org/wiki/Loose_indexscan).
 */
const queuedPlans = sql`
  with recursive queues (queue) as (
    select min(queue) from stage_attempts where ${isQueued}
    union all
    select (select min(queue) from stage_attempts where ${isQueued} and queue > queues.queue)
    from queues where queues.queue is not null
  ),
  queued (queue, plan_id) as (
    select queue, (select min(work_plan_id) from stage_attempts where ${isQueued} and queue = queues.queue)
    from queues where queue is not null
    union all
    select queue, (
      select min(work_plan_id) from stage_attempts
      where ${isQueued} and queue = queued.queue and work_plan_id > queued.plan_id
    )
    from queued where plan_id is not null
  )`;

export function attemptQueues(statements: Statements): AttemptQueues {
  const available = statements.prepare((db, arg: Arg<{ queue: string; planId: string; now: number; limit: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where(isQueued)
      .where('queue', '=', arg('queue'))
      .where('work_plan_id', '=', arg('planId'))
      .where('available_at', '<=', arg('now'))
      .orderBy('available_at')
      .limit(arg('limit'))
      .compile(),
  );
  const plansWithAvailable = statements.prepare((db, arg: Arg<{ now: number }>) =>
    sql<QueueRow>`
      ${queuedPlans}
      select queue, plan_id from queued where plan_id is not null and (
        select min(available_at) from stage_attempts
        where ${isQueued} and queue = queued.queue and work_plan_id = queued.plan_id
      ) <= ${arg('now')}
    `.compile(db),
  );
  const backoffsEnded = statements.prepare((db, arg: Arg<{ since: number; now: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select(['queue', 'work_plan_id as plan_id'])
      .distinct()
      .where(hasBackoff)
      .where('available_at', '>', arg('since'))
      .where('available_at', '<=', arg('now'))
      .$narrowType<QueueRow>()
      .compile(),
  );
  const nextBackoffEnd = statements.prepare((db, arg: Arg<{ now: number }>) =>
    db
      .selectFrom('stage_attempts')
      .select('available_at')
      .where(hasBackoff)
      .where('available_at', '>', arg('now'))
      .orderBy('available_at')
      .limit(sql.lit(1))
      .compile(),
  );
  return {
    async available(queue, planId, now, limit) {
      return available.all({ queue, planId, now, limit }).map(fromAttemptKeyRow);
    },
    async plansWithAvailable(now) {
      return plansWithAvailable.all({ now }).map(toQueuedPlan);
    },
    async backoffsEnded(since, now) {
      return backoffsEnded.all({ since, now }).map(toQueuedPlan);
    },
    async nextBackoffEnd(now) {
      return nextBackoffEnd.get({ now })?.available_at;
    },
  };
}

function toQueuedPlan(row: QueueRow): QueuedPlan {
  return { queue: row.queue, planId: row.plan_id };
}
