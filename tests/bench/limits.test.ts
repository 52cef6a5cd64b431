import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { openWithSchema } from '../../bench/limits/bare-database.ts';
import { bareReadMs, bareWriteMs, sharesOf } from '../../bench/limits/bare-writes.ts';
import { countFsyncs } from '../../bench/limits/fsyncs.ts';
import { readJournal, recordedUpTo, recordRows } from '../../bench/limits/row-journal.ts';
import { scratchFolder } from '../support/scratch.ts';

async function open(): Promise<Database.Database> {
  const database = await openWithSchema(join(await scratchFolder(), 'a.db'));
  onTestFinished(() => void database.close());
  return database;
}

const RUNNER = `INSERT INTO work_plan_metadata (work_plan_id, key, value, created_at) VALUES ('plan', 'k', 'v', 1)`;
const PLAN = `INSERT INTO work_plans (id, created_at, updated_at, checks_planning, checks_planned, checks_waiting,
  checks_final, stages_planned, stages_attempting, stages_awaiting_group, stages_final, nodes_failed, nodes_cancelled)
  VALUES ('plan', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`;
const CHECK = `INSERT INTO checks (id, work_plan_id, kind, created_at, updated_at, revision, result_count)
  VALUES ('check', 'plan', 'it''s "quoted"', 1, 1, 1, 0)`;

test('a journal has every row that was written, with the columns that changed', async () => {
  const database = await open();
  recordRows(database);
  database.exec(PLAN);
  const begunAt = recordedUpTo(database);
  database.exec(`${CHECK}; ${RUNNER};
    UPDATE checks SET version = 2, kind = kind WHERE id = 'check';
    UPDATE checks SET version = version WHERE id = 'check';
    DELETE FROM work_plan_metadata WHERE key = 'k'`);
  const { setUp, writes } = readJournal(database, begunAt);
  expect(setUp.map(({ sql }) => sql.slice(0, 22))).toEqual(['INSERT INTO work_plans']);
  expect(writes.slice(2)).toEqual([
    { sql: 'UPDATE checks SET version = ? WHERE position = ?', values: [2, 1] },
    { sql: 'DELETE FROM work_plan_metadata WHERE work_plan_id = ? AND key = ?', values: ['plan', 'k'] },
  ]);
});

test('the rows of a journal, written again, are the same', async () => {
  const recorded = await open();
  recordRows(recorded);
  recorded.exec(`${PLAN}; ${CHECK}; ${RUNNER};
    UPDATE work_plans SET version = 2, checks_planning = 1;
    UPDATE checks SET version = 2, state = 40, outcome = 1, goals_json = '{"a":[1]}'`);
  const again = await open();
  for (const { sql, values } of readJournal(recorded).writes) again.prepare(sql).run(...values);
  for (const table of ['work_plans', 'work_plan_metadata', 'checks']) {
    const all = `SELECT * FROM ${table}`;
    expect(again.prepare(all).all()).toEqual(recorded.prepare(all).all());
    expect(again.prepare(all).all()).toHaveLength(1);
  }
  expect(await bareWriteMs(readJournal(recorded, 1), 2)).toBeGreaterThan(0);
  expect(await bareReadMs(readJournal(recorded), ['checks'])).toBeGreaterThan(0);
});

test('shares are in order, together all of it, and as equal as can be', () => {
  expect(sharesOf([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([
    [1, 2],
    [3, 4, 5],
    [6, 7],
  ]);
  expect(sharesOf([1], 2).flat()).toEqual([1]);
});

test('each commit is counted as an fsync, and a checkpoint as three', async () => {
  const database = await open();
  database.exec(PLAN);
  const commits = (count: number) => async () => {
    for (let made = 0; made < count; made++) database.exec('UPDATE work_plans SET version = version + 1');
  };
  expect(await countFsyncs(database.name, commits(5))).toEqual({ commits: 5, all: 5 });
  database.pragma('wal_checkpoint(RESTART)');
  expect(await countFsyncs(database.name, commits(2))).toEqual({ commits: 2, all: 2 + 3 });
});
