import { type NotNull, sql } from 'kysely';
import type { HeldAttempts, StageKey } from '../attempt-repository.ts';
import { attemptKeyColumns, fromAttemptKeyRow } from './attempt-row.ts';
import { attemptStateCodes, dispatchKindCodes } from './codes.ts';
import type { Arg, Statements } from './statements.ts';

/** The condition of idx_stage_attempts_live, in its words: SQLite then uses that index. */
const isLive = sql<boolean>`state < ${sql.lit(attemptStateCodes.encode('COMPLETE'))}`;

type Page = StageKey & { readonly limit: number };

/** Comes before every stage. */
const start: StageKey = { planId: '', stageId: '' };

export function heldAttempts(statements: Statements): HeldAttempts {
  const boundToProcess = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where(isLive)
      .where('dispatch', 'in', [sql.lit(dispatchKindCodes.encode('BUILTIN')), sql.lit(dispatchKindCodes.encode('RUN'))])
      .where(sql<boolean>`(work_plan_id, stage_id) > (${arg('planId')}, ${arg('stageId')})`)
      .orderBy('work_plan_id')
      .orderBy('stage_id')
      .limit(arg('limit'))
      .compile(),
  );
  const offered = statements.prepare((db, arg: Arg<Page>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where(isLive)
      .where('dispatch', '=', sql.lit(dispatchKindCodes.encode('RUN_ASYNC')))
      .where('state', '=', sql.lit(attemptStateCodes.encode('PENDING')))
      .where(sql<boolean>`(work_plan_id, stage_id) > (${arg('planId')}, ${arg('stageId')})`)
      .orderBy('work_plan_id')
      .orderBy('stage_id')
      .limit(arg('limit'))
      .compile(),
  );
  const ofRunners = statements.prepare((db) =>
    db
      .selectFrom('stage_attempts')
      .select(['execution_id', 'runner_id', 'runner_type'])
      .where(isLive)
      .where('runner_id', 'is not', null)
      .$narrowType<{ execution_id: NotNull; runner_id: NotNull }>()
      .compile(),
  );
  const unconfirmed = statements.prepare((db, arg: Arg<{ runnerId: string }>) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where('confirm_by', 'is not', null)
      .where('runner_id', '=', arg('runnerId'))
      .compile(),
  );
  return {
    async boundToProcess(after, limit) {
      return boundToProcess.all({ ...(after ?? start), limit }).map(fromAttemptKeyRow);
    },
    async offered(after, limit) {
      return offered.all({ ...(after ?? start), limit }).map(fromAttemptKeyRow);
    },
    async ofRunners() {
      return ofRunners.all({}).map((row) => ({
        executionId: row.execution_id,
        runnerId: row.runner_id,
        runnerType: row.runner_type,
      }));
    },
    async unconfirmed(runnerId) {
      return unconfirmed.all({ runnerId }).map(fromAttemptKeyRow);
    },
  };
}
