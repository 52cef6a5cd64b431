import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { expect, it, onTestFinished } from 'vitest';
import { manualClock } from '../../../tests/support/manual-clock.ts';
import { scratchFolder } from '../../../tests/support/scratch.ts';
import { silentLogger } from '../../platform/logger.ts';
import type { Storage } from '../storage.ts';
import { openWriter } from './connection.ts';
import { openSqliteStorage } from './open.ts';
import type { Schema } from './schema.ts';

const T0 = 1_700_000_000_000;
const TIMES = { created_at: T0, updated_at: T0 };

/** Makes a database as the release did that knew these migrations only, and fills it. */
async function makeWith(migrations: readonly string[], path: string, fill: (database: Database.Database) => void) {
  const database = openWriter(path);
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
  const known = migrations.map((name) => {
    const text = readFileSync(new URL(`../../../migrations/${name}.sql`, import.meta.url), 'utf8');
    return [name, { up: async () => void database.exec(text) }] as const;
  });
  const provider = { getMigrations: async () => Object.fromEntries(known) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  expect(error).toBeUndefined();
  fill(database);
  database.close();
}

async function open(path: string): Promise<Storage> {
  const onFatal = (error: unknown): void => {
    throw error;
  };
  const storage = await openSqliteStorage({ path, clock: manualClock(), log: silentLogger, writeQueue: 10, onFatal });
  onTestFinished(() => storage.close());
  return storage;
}

function insert(database: Database.Database, table: string, row: Readonly<Record<string, string | number>>): void {
  const columns = Object.keys(row);
  const values = columns.map((column) => `@${column}`);
  database.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')})`).run(row);
}

function insertPlan(database: Database.Database): void {
  const none = { checks_planning: 0, checks_planned: 0, checks_waiting: 0, checks_final: 0 };
  const stages = { stages_planned: 0, stages_attempting: 0, stages_awaiting_group: 0, stages_final: 0 };
  insert(database, 'work_plans', { id: 'p', ...TIMES, ...none, ...stages, nodes_failed: 0, nodes_cancelled: 0 });
}

type Row = Readonly<Record<string, string | number>>;

function insertStage(database: Database.Database, id: string, change: Row = {}): void {
  const limits = { policy_max_attempts: 3, policy_attempt_timeout_ms: 1, policy_heartbeat_timeout_ms: 0 };
  const backoff = { policy_backoff_initial_ms: 1, policy_backoff_multiplier: 1, policy_backoff_max_ms: 1 };
  const policy = { ...limits, ...backoff, policy_stage_timeout_ms: 0 };
  insert(database, 'stages', { id, work_plan_id: 'p', ...TIMES, revision: 1, execution_mode: 1, ...policy, ...change });
}

/** Stores a stage with one attempt of a type, as 0001 has them. */
function insertAttempt(
  database: Database.Database,
  stageId: string,
  { execution_mode = 1, runner_type = 'builtin/noop', ...change }: Row = {},
): void {
  insertStage(database, stageId, { state: 20, attempt_count: 1, execution_mode, runner_type });
  const builtin = Number(`${runner_type}`.startsWith('builtin/'));
  const key = { work_plan_id: 'p', stage_id: stageId, idx: 1 };
  insert(database, 'stage_attempts', { ...key, ...TIMES, available_at: T0, runner_type, builtin, ...change });
}

it('takes the attempts and stages of the first release over', async () => {
  const path = join(await scratchFolder(), 'a.db');
  await makeWith(['0001-initial'], path, (database) => {
    insertPlan(database);
    insertAttempt(database, 'queued');
    insertAttempt(database, 'retried', { available_at: T0 + 5 });
    insertAttempt(database, 'started', {
      ...{ state: 20, process_uid: 'e1', execution_id: 'e1', started_at: T0 + 1, deadline: T0 + 9, due_at: T0 + 9 },
      ...{ details_json: '{"a":1}', progress_percent: 7, progress_count: 1 },
    });
    const progress = { work_plan_id: 'p', stage_id: 'started', idx: 1, position: 0, message: 'm', timestamp: T0 };
    insert(database, 'attempt_progress', { ...progress, idempotency_key: 'k' });
    insertAttempt(database, 'ended', {
      ...{ state: 40, process_uid: 'e2', execution_id: 'e2', updated_at: T0 + 1, started_at: T0 + 2, ended_at: T0 + 3 },
      ...{ available_at: T0 + 4, deadline: T0 + 5, heartbeat_by: T0 + 6, cancel_by: T0 + 7, progress_percent: 8 },
      ...{ failure_message: 'm', failure_reason: 'r', failure_at: T0 + 9, progress_count: 10, block_new_attempts: 1 },
    });
    insertAttempt(database, 'claimed', { state: 20, process_uid: 'w' });
    insertAttempt(database, 'sync', { runner_type: 'docker' });
    insertAttempt(database, 'async', { runner_type: 'docker', execution_mode: 2 });
    insertAttempt(database, 'writer', { runner_type: '' });
    insertStage(database, 'timed', { policy_stage_timeout_ms: 20 });
    const final = { state: 40, outcome: 1, concluded_reason: 1 };
    insertStage(database, 'final', { policy_stage_timeout_ms: 10, ...final });
  });

  const storage = await open(path);
  const key = (stageId: string) => ({ planId: 'p', stageId, idx: 1 });
  await storage.read(async ({ attempts, queues, held, timers, stages, nodes }) => {
    expect(await queues.available('builtin', 'p', T0 + 5, 10)).toEqual([key('queued'), key('retried')]);
    expect(await queues.available('SYNC:docker', 'p', T0, 10)).toEqual([key('sync')]);
    expect(await queues.available('ASYNC:docker', 'p', T0, 10)).toEqual([key('async')]);
    expect(await queues.plansWithAvailable(T0)).toHaveLength(3);
    expect(await queues.nextBackoffEnd(T0)).toBe(T0 + 5);
    expect(await held.boundToProcess()).toEqual([key('started')]);
    expect(await held.ofRunners()).toEqual([]);
    expect(await timers.due(T0 + 99, 10)).toEqual({
      attempts: [key('started')],
      stages: [{ planId: 'p', stageId: 'timed' }],
    });
    expect(await timers.nextDueAt()).toBe(T0 + 9);

    expect(await attempts.findExecution('e1')).toMatchObject({
      ...key('started'),
      state: 'RUNNING',
      startedAt: T0 + 1,
    });
    expect(await attempts.findExecution('e2')).toEqual({
      ...key('ended'),
      ...{ state: 'INCOMPLETE', processUid: 'e2', failure: { message: 'm', reason: 'r', occurredAt: T0 + 9 } },
      ...{ executionId: 'e2', dispatch: 'BUILTIN', runnerId: undefined, createdAt: T0, updatedAt: T0 + 1 },
      ...{ startedAt: T0 + 2, endedAt: T0 + 3, availableAt: T0 + 4, deadline: T0 + 5, heartbeatBy: T0 + 6 },
      ...{ cancelBy: T0 + 7, confirmBy: undefined, answerDigest: undefined, progressPercent: 8, progressCount: 10 },
      blockNewAttempts: true,
    });
    expect((await attempts.get(key('claimed')))?.dispatch).toBeUndefined();
    expect((await stages.get('p', 'timed'))?.timedOut).toBe(false);

    const selector = { ids: ['started'], states: [], after: 0, limit: undefined };
    const [started] = await nodes.stages('p', selector, 'FULL');
    expect(started?.node.attempts).toMatchObject([
      { dispatch: 'BUILTIN', details: { a: 1 }, progressPercent: 7, progress: [{ message: 'm', idempotencyKey: 'k' }] },
    ]);
  });
  await storage.close();

  const database = openWriter(path);
  onTestFinished(() => void database.close());
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(database.pragma('foreign_key_check')).toEqual([]);
  expect(database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'old%'").all()).toEqual([]);
  const parents = database.prepare('SELECT DISTINCT "table" FROM pragma_foreign_key_list(\'attempt_progress\')');
  expect(parents.pluck().all()).toEqual(['stage_attempts']);
});

it('leaves a database as it was when a migration fails half way', async () => {
  const path = join(await scratchFolder(), 'a.db');
  await makeWith(['0001-initial'], path, (database) => database.exec('CREATE INDEX idx_stages_due ON stages (id)'));
  const before = schemaOf(path);
  await expect(open(path)).rejects.toThrow('idx_stages_due already exists');
  expect(schemaOf(path)).toEqual(before);

  const database = openWriter(path);
  database.exec('DROP INDEX idx_stages_due');
  database.close();
  await open(path);
});

function schemaOf(path: string): readonly unknown[] {
  const database = openWriter(path);
  try {
    const migrations = database.prepare('SELECT name FROM kysely_migration').all();
    return [...migrations, ...database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()];
  } finally {
    database.close();
  }
}
