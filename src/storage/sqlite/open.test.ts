import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { manualClock } from '../../../tests/support/manual-clock.ts';
import { scratchFolder } from '../../../tests/support/scratch.ts';
import { emptyCounts } from '../../domain/plan-state.ts';
import { silentLogger } from '../../platform/logger.ts';
import type { Storage } from '../storage.ts';
import { openReader, openWriter } from './connection.ts';
import { openSqliteStorage } from './open.ts';
import { toOpenError } from './open-error.ts';

async function open(path: string): Promise<Storage> {
  const storage = await openSqliteStorage({
    path,
    clock: manualClock(),
    log: silentLogger,
    writeQueue: 10,
    onFatal: (error) => {
      throw error;
    },
  });
  onTestFinished(() => storage.close());
  return storage;
}

const scratchFile = async (): Promise<string> => join(await scratchFolder(), 'a.db');

const insertPlan = (storage: Storage) =>
  storage.write((uow) =>
    uow.workPlans.insert({
      id: 'p',
      state: 'ACTIVE',
      outcome: undefined,
      version: 1,
      metadata: {},
      counts: emptyCounts,
      createdAt: 1,
      updatedAt: 1,
      cancelledAt: undefined,
      cancelReason: '',
    }),
  );

const readPlan = (storage: Storage) => storage.read((snapshot) => snapshot.workPlans.get('p'));

describe('connections', () => {
  it('write durably, check foreign keys, and say so when asked', async () => {
    const database = openWriter(await scratchFile());
    onTestFinished(() => void database.close());
    const pragma = (name: string) => database.pragma(name, { simple: true });
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('foreign_keys')).toBe(1);
    expect(pragma('busy_timeout')).toBeGreaterThan(0);
    expect(pragma('wal_autocheckpoint')).toBeGreaterThan(0);
    expect(pragma('temp_store')).toBe(2);
  });

  it('that read cannot write', async () => {
    const path = await scratchFile();
    const writer = openWriter(path);
    writer.exec('CREATE TABLE t (x)');
    const reader = openReader(path);
    onTestFinished(() => void [reader.close(), writer.close()]);
    expect(() => reader.exec('INSERT INTO t VALUES (1)')).toThrow(expect.objectContaining({ code: 'SQLITE_READONLY' }));
    expect(reader.prepare('SELECT * FROM t').all()).toEqual([]);
  });
});

describe('opening', () => {
  it('creates a file, keeps what was written, and migrates it only once', async () => {
    const path = await scratchFile();
    const first = await open(path);
    await insertPlan(first);
    await first.close();
    const migrations = () => {
      const database = new Database(path, { readonly: true });
      const rows = database.prepare('SELECT * FROM kysely_migration').all();
      database.close();
      return rows;
    };
    const applied = migrations();
    expect(applied).not.toEqual([]);
    expect((await readPlan(await open(path)))?.id).toBe('p');
    expect(migrations()).toEqual(applied);
  });

  it('keeps what it makes for its owner only', async () => {
    const path = await scratchFile();
    await insertPlan(await open(path));
    for (const made of [path, `${path}-wal`, `${path}-shm`, `${path}.lock`]) {
      expect([made, statSync(made).mode & 0o777]).toEqual([made, 0o600]);
    }
  });

  it('refuses a file with a second name, and leaves no lock beside what it refuses', async () => {
    const path = await scratchFile();
    await (await open(path)).close();
    linkSync(path, `${path}.hard`);
    await expect(open(`${path}.hard`)).rejects.toMatchObject({
      kind: 'CANNOT_OPEN',
      message: expect.stringContaining('hard links'),
    });
    expect(existsSync(`${path}.hard.lock`)).toBe(false);
    const short = join(await scratchFolder(), 'short');
    writeFileSync(short, 'SQLite');
    await expect(open(short)).rejects.toMatchObject({ kind: 'NOT_A_DATABASE' });
    expect(existsSync(`${short}.lock`)).toBe(false);
  });

  it('gives each :memory: database to its own storage', async () => {
    const [a, b] = await Promise.all([open(':memory:'), open(':memory:')]);
    await insertPlan(a);
    expect(await readPlan(a)).toBeDefined();
    expect(await readPlan(b)).toBeUndefined();
  });

  it('refuses a file that is open already, by whatever name, until it is closed', async () => {
    const path = await scratchFile();
    const first = await open(path);
    const link = `${path}.link`;
    symlinkSync(path, link);
    await expect(open(path)).rejects.toMatchObject({ kind: 'LOCKED', message: expect.stringContaining('.lock') });
    await expect(open(link)).rejects.toMatchObject({ kind: 'LOCKED' });
    await insertPlan(first);
    await first.close();
    expect(await readPlan(await open(link))).toBeDefined();
  });

  it('refuses a file that another program is writing', async () => {
    const path = await scratchFile();
    await (await open(path)).close();
    const other = new Database(path);
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    await expect(open(path)).rejects.toMatchObject({ kind: 'LOCKED' });
    other.exec('ROLLBACK');
    await open(path);
  });

  it('refuses a schema that a newer release has migrated, and changes nothing', async () => {
    const path = await scratchFile();
    await (await open(path)).close();
    const database = new Database(path);
    database.exec("INSERT INTO kysely_migration VALUES ('9999-future', '2100-01-01')");
    database.close();
    await expect(open(path)).rejects.toMatchObject({
      kind: 'SCHEMA_TOO_NEW',
      message: expect.stringContaining('9999-future'),
    });
  });

  it('refuses what is no database of its own, and leaves it as it was', async () => {
    const folder = await scratchFolder();
    const text = join(folder, 'text.db');
    writeFileSync(text, 'this is a text file, and a rather long one: '.repeat(100));
    await expect(open(text)).rejects.toMatchObject({ kind: 'NOT_A_DATABASE' });

    const foreign = join(folder, 'foreign.db');
    const database = new Database(foreign);
    database.exec('CREATE TABLE customers (id)');
    database.close();
    await expect(open(foreign)).rejects.toMatchObject({ kind: 'NOT_A_DATABASE' });
    const reopened = new Database(foreign, { readonly: true });
    expect(reopened.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()).toEqual([
      'customers',
    ]);
    reopened.close();
  });

  it('says which path cannot be opened', async () => {
    const folder = await scratchFolder();
    mkdirSync(join(folder, 'folder.db'));
    for (const path of [join(folder, 'none', 'a.db'), join(folder, 'folder.db')]) {
      await expect(open(path)).rejects.toMatchObject({
        kind: 'CANNOT_OPEN',
        message: expect.stringContaining(path),
      });
    }
  });

  it('leaves nothing locked when it fails', async () => {
    const path = await scratchFile();
    writeFileSync(path, 'no database '.repeat(500));
    await expect(open(path)).rejects.toMatchObject({ kind: 'NOT_A_DATABASE' });
    writeFileSync(path, '');
    await open(path);
  });

  it('tells a database that cannot be written', async () => {
    const path = await scratchFile();
    new Database(path).exec('CREATE TABLE t (x)').close();
    const database = new Database(path, { readonly: true });
    onTestFinished(() => void database.close());
    let thrown: unknown;
    try {
      database.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
    } catch (error) {
      thrown = error;
    }
    expect(toOpenError(path, thrown)).toMatchObject({ kind: 'READ_ONLY' });
  });
});

describe.skipIf(!existsSync('/proc/locks'))('a second open in the same process', () => {
  /** How many locks this process holds on the file. Other file systems, with which others are busy, have such inodes too. */
  const locksOn = (path: string): number => {
    const inode = `:${statSync(path).ino} `;
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${process.pid} `) && line.includes(inode)).length;
  };

  it('is refused and leaves the locks of the first on the file: a process loses them by closing it', async () => {
    const path = await scratchFile();
    const storage = await open(path);
    await insertPlan(storage);
    const before = [locksOn(path), locksOn(`${path}.lock`)];
    expect(Math.min(...before)).toBeGreaterThan(0);
    await expect(open(path)).rejects.toMatchObject({ kind: 'LOCKED' });
    expect([locksOn(path), locksOn(`${path}.lock`)]).toEqual(before);
  });

  it('leaves no lock file beside what is no database', async () => {
    const path = await scratchFile();
    writeFileSync(path, 'no database '.repeat(500));
    await expect(open(path)).rejects.toMatchObject({ kind: 'NOT_A_DATABASE' });
    expect([existsSync(`${path}.lock`), existsSync(`${path}.lock-journal`)]).toEqual([false, false]);
  });
});
