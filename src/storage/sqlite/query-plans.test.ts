import { Kysely, SqliteDialect } from 'kysely';
import { expect, it, onTestFinished, vi } from 'vitest';
import { attemptQueues } from './attempt-queues.ts';
import { attemptReader } from './attempt-repository.ts';
import { MEMORY, openWriter } from './connection.ts';
import { heldAttempts } from './held-attempts.ts';
import { migrate } from './migrator.ts';
import { resultRepository } from './result-repository.ts';
import type { Schema } from './schema.ts';
import { Statements } from './statements.ts';
import { timerQueue } from './timer-queue.ts';

const TABLE = /^(?:SEARCH|SCAN) (?:stage_attempts|stages)\b/;
const SEARCH = /^SEARCH \w+ USING (?:COVERING )?(?:INDEX (\w+)|PRIMARY KEY) \(/;

const QUEUE = 'idx_stage_attempts_queue';
const BACKOFF = 'idx_stage_attempts_backoff';
const DUE = 'idx_stage_attempts_due';

it.each([
  { of: attemptQueues, indexes: [[QUEUE], [QUEUE], [BACKOFF], [BACKOFF]] },
  { of: heldAttempts, indexes: [[DUE], [DUE], [DUE], ['idx_stage_attempts_unconfirmed']] },
  {
    of: timerQueue,
    indexes: [[DUE], ['idx_stages_due'], [DUE, 'idx_stages_due']],
  },
  { of: attemptReader, indexes: [['PRIMARY KEY'], ['idx_stage_attempts_execution'], ['PRIMARY KEY']] },
])('each query of $of.name searches by its index, without a scan or a sort', async ({ of, indexes }) => {
  const database = openWriter(MEMORY);
  onTestFinished(() => void database.close());
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
  await migrate(MEMORY, database, db);
  const prepare = vi.spyOn(database, 'prepare');
  of(new Statements(database, db));
  const queries = prepare.mock.calls.map(([source]) => source);
  const planOf = (source: string): string[] =>
    database
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${source}`)
      .all(...(source.match(/\?/g) ?? []).map(() => null))
      .map((row) => row.detail);

  const found = queries.map((source) => {
    const plan = planOf(source);
    expect(plan.join('\n')).not.toContain('B-TREE FOR ORDER BY');
    const steps = plan.filter((detail) => TABLE.test(detail));
    return [...new Set(steps.map((step) => SEARCH.exec(step)?.[1] ?? (SEARCH.test(step) ? 'PRIMARY KEY' : step)))];
  });
  expect(found).toEqual(indexes);
});

it('the results of an owner are searched by the owner, however many results the plan has', async () => {
  const database = openWriter(MEMORY);
  onTestFinished(() => void database.close());
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
  await migrate(MEMORY, database, db);
  const prepare = vi.spyOn(database, 'prepare');
  resultRepository(new Statements(database, db));
  const ofOwner = prepare.mock.calls
    .map(([source]) => source)
    .filter((source) => source.includes('"owner_id" =') && !source.includes('"check_id" ='));
  expect(ofOwner).toHaveLength(3);
  for (const source of ofOwner) {
    const plan = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${source}`);
    const [step] = plan.all(...(source.match(/\?/g) ?? []).map(() => null));
    expect(step?.detail).toContain('idx_check_results_owner (work_plan_id=? AND owner_type=? AND owner_id=?)');
  }
});
