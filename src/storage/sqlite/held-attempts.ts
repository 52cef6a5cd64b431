import { type NotNull, sql } from 'kysely';
import type { HeldAttempts } from '../attempt-repository.ts';
import { attemptKeyColumns, fromAttemptKeyRow } from './attempt-row.ts';
import { attemptStateCodes, dispatchKindCodes } from './codes.ts';
import type { Arg, Statements } from './statements.ts';

/** The condition of idx_stage_attempts_due, in its words: SQLite then uses that index. What is handed out is due at some time. */
const isTimed = sql<boolean>`due_at is not null`;

export function heldAttempts(statements: Statements): HeldAttempts {
  const boundToProcess = statements.prepare((db) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where(isTimed)
      .where('dispatch', 'in', [sql.lit(dispatchKindCodes.encode('BUILTIN')), sql.lit(dispatchKindCodes.encode('RUN'))])
      .compile(),
  );
  const offered = statements.prepare((db) =>
    db
      .selectFrom('stage_attempts')
      .select(attemptKeyColumns)
      .where(isTimed)
      .where('dispatch', '=', sql.lit(dispatchKindCodes.encode('RUN_ASYNC')))
      .where('state', '=', sql.lit(attemptStateCodes.encode('PENDING')))
      .compile(),
  );
  const ofRunners = statements.prepare((db) =>
    db
      .selectFrom('stage_attempts')
      .select(['execution_id', 'runner_id', 'runner_type'])
      .where(isTimed)
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
    async boundToProcess() {
      return boundToProcess.all({}).map(fromAttemptKeyRow);
    },
    async offered() {
      return offered.all({}).map(fromAttemptKeyRow);
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
