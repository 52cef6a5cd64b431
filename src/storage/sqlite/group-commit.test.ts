import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ManualClock, manualClock } from '../../../tests/support/manual-clock.ts';
import { emptyCounts } from '../../domain/plan-state.ts';
import type { WorkPlan } from '../../domain/work-plan.ts';
import { silentLogger } from '../../platform/logger.ts';
import { openWriter } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrator.ts';
import { repositories } from './repositories.ts';
import type { Schema } from './schema.ts';
import { Statements } from './statements.ts';
import { type Transaction, transactionOf } from './transaction.ts';
import { Turns } from './turns.ts';

let folder: string;
let database: Database.Database;
let transaction: Transaction;
let writes: GroupCommit;
let fatal: unknown[];
/** What the next transaction's steps throw instead of what they do. */
let faults: Partial<Record<'begin' | 'commit' | 'rollback' | 'undo', Error>>;
let commits: number;
let clock: ManualClock;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'turboci-group-commit-'));
  const path = join(folder, 'a.db');
  database = openWriter(path);
  const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
  await migrate(path, database, db);
  [fatal, faults, commits] = [[], {}, 0];
  clock = manualClock();
  transaction = faulty(transactionOf(database));
  writes = new GroupCommit({
    transaction,
    turns: new Turns(),
    repositories: repositories(new Statements(database, db), clock),
    clock,
    log: silentLogger,
    queueLimit: 1000,
    onFatal: (error) => fatal.push(error),
  });
});

afterEach(async () => {
  await writes.end();
  database.close();
  rmSync(folder, { recursive: true });
});

/** The real transaction, of which a step can be made to fail. */
function faulty(real: Transaction): Transaction {
  const step = (name: keyof typeof faults, run: () => void) => () => {
    const fault = faults[name];
    delete faults[name];
    if (fault !== undefined) throw fault;
    run();
  };
  return {
    get isOpen() {
      return real.isOpen;
    },
    begin: step('begin', real.begin),
    commit: step('commit', () => {
      commits++;
      real.commit();
    }),
    rollback: step('rollback', real.rollback),
    savepoint: real.savepoint,
    release: real.release,
    undo: step('undo', real.undo),
  };
}

const sqliteError = (code: string) => new Database.SqliteError('injected', code);

function plan(id: string, bytes = 0): WorkPlan {
  return {
    id,
    state: 'ACTIVE',
    outcome: undefined,
    version: 1,
    metadata: {},
    counts: emptyCounts,
    createdAt: 1,
    updatedAt: 1,
    cancelledAt: undefined,
    cancelReason: 'x'.repeat(bytes),
  };
}

/** Stores a plan whose row has about so many bytes. */
function insert(id: string, bytes = 0, effects: string[] = []): Promise<string> {
  return writes.submit(async (uow) => {
    uow.afterCommit(() => effects.push(id));
    await uow.workPlans.insert(plan(id, bytes));
    return id;
  }, {});
}

const stored = () =>
  database
    .prepare<[], { id: string }>('SELECT id FROM work_plans ORDER BY id')
    .all()
    .map((row) => row.id);

const UNAVAILABLE = { status: 'rejected', reason: { name: 'AppError', reason: 'STORAGE_UNAVAILABLE' } };

describe('a batch', () => {
  it('shares one commit among the units that wait', async () => {
    await Promise.all([insert('a'), insert('b'), insert('c')]);
    expect(commits).toBe(1);
  });

  it('ends after 256 units', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, index) => insert(`p${index}`)));
    expect(commits).toBe(3);
    expect(stored()).toHaveLength(600);
  });

  it('ends after 10 ms of work', async () => {
    const slow = (id: string) =>
      writes.submit(async (uow) => {
        clock.advance(4);
        await uow.workPlans.insert(plan(id));
      }, {});
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(slow));
    expect(commits).toBe(2);
    expect(stored()).toHaveLength(5);
  });

  it('goes on with a unit that failed first, last or alone', async () => {
    const bad = () => writes.submit(() => Promise.reject(new Error('bad')), {});
    const ends = await Promise.allSettled([bad(), bad(), insert('a'), bad(), insert('b'), bad()]);
    expect(ends.map((end) => end.status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    await expect(bad()).rejects.toThrow('bad');
    expect(stored()).toEqual(['a', 'b']);
    expect(transaction.isOpen).toBe(false);
  });
});

describe('a full disk', () => {
  it('refuses the unit that does not fit, alone, leaves no half of it, and later units work', async () => {
    database.pragma(`max_page_count = ${Number(database.pragma('page_count', { simple: true })) + 20}`);
    const effects: string[] = [];
    const ends = await Promise.allSettled([
      insert('a', 0, effects),
      insert('b', 0, effects),
      insert('huge', 1_000_000, effects),
      insert('c', 0, effects),
    ]);
    expect(ends[0]).toEqual({ status: 'fulfilled', value: 'a' });
    expect(ends[1]).toEqual({ status: 'fulfilled', value: 'b' });
    expect(ends[2]).toMatchObject(UNAVAILABLE);
    expect(ends[3]).toEqual({ status: 'fulfilled', value: 'c' });
    expect(effects).toEqual(['a', 'b', 'c']);
    expect(await insert('d')).toBe('d');
    expect(stored()).toEqual(['a', 'b', 'c', 'd']);
    expect(fatal).toEqual([]);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('refuses a unit that hides the error which rolled everything back', async () => {
    database.pragma(`max_page_count = ${Number(database.pragma('page_count', { simple: true })) + 20}`);
    const hiding = writes.submit(async (uow) => {
      await uow.workPlans.insert({ ...(await plan('first')) });
      await uow.workPlans
        .insert({ ...(await plan('huge')), cancelReason: 'x'.repeat(1_000_000) })
        .catch(() => undefined);
    }, {});
    const [, end] = await Promise.allSettled([insert('a'), hiding]);
    expect(end).toMatchObject(UNAVAILABLE);
    expect(stored()).toEqual(['a']);
  });
});

describe('a commit that fails', () => {
  it('acknowledges no unit and runs no effect, and later units work', async () => {
    faults.commit = sqliteError('SQLITE_FULL');
    const effects: string[] = [];
    const failed = writes.submit(() => Promise.reject(new Error('may have seen what is not durable')), {});
    const ends = await Promise.allSettled([insert('a', 0, effects), failed, insert('b', 0, effects)]);
    for (const end of ends) expect(end).toMatchObject(UNAVAILABLE);
    expect(effects).toEqual([]);
    expect(stored()).toEqual([]);
    expect(fatal).toEqual([]);
    expect(await insert('c')).toBe('c');
  });

  it.each(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_WRITE'])(
    'is fatal after %s: nothing is promised any more',
    async (code) => {
      faults.commit = sqliteError(code);
      const ends = await Promise.allSettled([insert('a'), insert('b')]);
      for (const end of ends) expect(end).toMatchObject(UNAVAILABLE);
      expect(fatal).toEqual([expect.objectContaining({ code })]);
      const later = await Promise.allSettled([insert('c')]);
      expect(later[0]).toMatchObject(UNAVAILABLE);
      expect(transaction.isOpen).toBe(false);
    },
  );
});

describe('a transaction that fails', () => {
  it('refuses all waiting units when another program holds the lock, and later units work', async () => {
    const other = new Database(join(folder, 'a.db'));
    other.exec('BEGIN IMMEDIATE');
    database.pragma('busy_timeout = 1');
    const ends = await Promise.allSettled([insert('a'), insert('b')]);
    for (const end of ends) expect(end).toMatchObject(UNAVAILABLE);
    other.exec('ROLLBACK');
    other.close();
    expect(await insert('c')).toBe('c');
    expect(stored()).toEqual(['c']);
    expect(fatal).toEqual([]);
  });

  it('answers every unit when a failed one cannot be undone', async () => {
    faults.undo = sqliteError('SQLITE_IOERR_READ');
    const bad = () => writes.submit(() => Promise.reject(new Error('bad')), {});
    const ends = await Promise.allSettled([insert('a'), bad(), insert('b')]);
    expect(ends[0]).toMatchObject(UNAVAILABLE);
    expect(ends[1]).toMatchObject(UNAVAILABLE);
    expect(ends[2]).toMatchObject(UNAVAILABLE);
    expect(fatal).toHaveLength(1);
    expect(stored()).toEqual([]);
  });

  it('is fatal when it can be neither committed nor rolled back', async () => {
    faults.commit = sqliteError('SQLITE_FULL');
    faults.rollback = sqliteError('SQLITE_IOERR');
    const [end] = await Promise.allSettled([insert('a')]);
    expect(end).toMatchObject(UNAVAILABLE);
    expect(fatal).toHaveLength(1);
    database.exec('ROLLBACK');
  });
});
