import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

const HOLDER = join(import.meta.dirname, 'sqlite-holder.ts');

function open(path: string) {
  return openSqliteStorage({ path, clock: systemClock(), log: silentLogger, writeQueue: 10, onFatal: () => undefined });
}

/** Starts a process that holds the storage; `lines` grows with what it tells. */
function hold(command: string, args: readonly string[]): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { child, lines };
}

const lastWritten = (lines: readonly string[]): number =>
  Math.max(-1, ...lines.filter((line) => line.startsWith('wrote ')).map((line) => Number(line.slice('wrote '.length))));

async function storedPlans(path: string): Promise<readonly string[]> {
  const storage = await open(path);
  const plans = await storage.read((one) => one.workPlans.list({ states: [], metadata: {} }, undefined, 1_000_000));
  await storage.close();
  return plans.map(({ id }) => id).toSorted();
}

const idsUpTo = (last: number): string[] =>
  Array.from({ length: last + 1 }, (_, index) => `plan-${String(index).padStart(9, '0')}`);

it('refuses a file that another process holds; kill -9 of the holder frees it and loses nothing acknowledged', async () => {
  const path = join(await scratchFolder(), 'a.db');
  const { child, lines } = hold(process.execPath, [HOLDER, path]);
  await waitFor('the holder writes', () => lastWritten(lines) >= 50);
  await expect(open(path)).rejects.toMatchObject({ kind: 'LOCKED' });
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
  const stored = await storedPlans(path);
  expect(stored.length).toBeGreaterThanOrEqual(lastWritten(lines) + 1);
  expect(stored).toEqual(idsUpTo(stored.length - 1));
});

it('is fatal when a commit meets an I/O error, and every acknowledged unit is there afterwards', async () => {
  const path = join(await scratchFolder(), 'a.db');
  // A limit on the size of files is a disk that fails: past it, the operating system refuses the write (EFBIG).
  const { child, lines } = hold('sh', [
    '-c',
    'trap "" XFSZ; ulimit -f 2000; exec "$0" "$@"',
    process.execPath,
    HOLDER,
    path,
  ]);
  await once(child, 'close');
  expect(lines.filter((line) => !line.startsWith('wrote '))).toEqual([
    'open',
    'fatal',
    expect.stringContaining('failed AppError'),
    'refused',
  ]);
  expect(lastWritten(lines)).toBeGreaterThan(0);
  const stored = await storedPlans(path);
  expect(stored.length - 1).toBeGreaterThanOrEqual(lastWritten(lines));
  expect(stored).toEqual(idsUpTo(stored.length - 1));
});
