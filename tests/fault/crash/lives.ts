import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Env, launch } from '../serve.ts';
import type { CrashRig } from './crash-rig.ts';
import { faultsOf } from './faults-of.ts';

/**
 * An environment for servers that are started again and again: Node keeps what it has compiled in this folder, which
 * halves the time of a start.
 */
export async function quickStart(folder: string): Promise<Env> {
  const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
  // Node writes the cache at the end of a process, which a killed one does not come to.
  const first = launch(join(folder, 'first.db'), env);
  await first.serving;
  first.kill('SIGTERM');
  await first.exit;
  return env;
}

/** The last server on a file: it finds what it should, leaves it so, and ends as asked. */
export async function endWell(path: string, rig: CrashRig, env: Env): Promise<void> {
  const server = launch(path, env);
  await server.serving;
  expect(faultsOf(path, rig), 'after the last restart').toEqual([]);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(faultsOf(path, rig), 'after the end').toEqual([]);
  rig.close();
}

/** Removes a database and what SQLite and the server keep beside it. */
export async function removeDatabase(path: string): Promise<void> {
  const suffixes = ['', '-wal', '-shm', '-journal', '.lock', '.lock-journal'];
  await Promise.all(suffixes.map((suffix) => rm(path + suffix, { force: true })));
}
