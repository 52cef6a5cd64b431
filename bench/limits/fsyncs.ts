import { readFileSync } from 'node:fs';

/** What a checkpoint of the whole WAL takes: the WAL, the database, and the new head of the WAL. */
const FSYNCS_OF_CHECKPOINT = 3;

/** Commits, each one fsync of the WAL, and all fsyncs, with those of checkpoints. */
export type Fsyncs = { readonly commits: number; readonly all: number };

/**
 * How many fsyncs the writer of a database makes while something runs, with synchronous=FULL. SQLite counts its commits
 * in the file of the WAL index and its checkpoints in that of the WAL (https://www.sqlite.org/walformat.html).
 */
export async function countFsyncs(databasePath: string, work: () => Promise<unknown>): Promise<Fsyncs> {
  const before = readCounters(databasePath);
  await work();
  const after = readCounters(databasePath);
  const commits = after.commits - before.commits;
  return { commits, all: commits + FSYNCS_OF_CHECKPOINT * (after.checkpoints - before.checkpoints) };
}

function readCounters(databasePath: string) {
  return {
    commits: readFileSync(`${databasePath}-shm`).readUInt32LE(8),
    checkpoints: readFileSync(`${databasePath}-wal`).readUInt32BE(12),
  };
}
