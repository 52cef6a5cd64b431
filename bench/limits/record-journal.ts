import Database from 'better-sqlite3';
import type { BenchClient } from '../bench-client.ts';
import { withServer } from '../bench-server.ts';
import { openWithSchema } from './bare-database.ts';
import { type Journal, readJournal, recordedUpTo, recordRows } from './row-journal.ts';

/**
 * Has a server do something once, and answers which rows it wrote. Triggers record them, so the same rows can be written
 * by a program that does nothing else. What is done before `begin` is called only prepares the work.
 */
export async function recordJournal(
  work: (client: BenchClient, begin: () => void) => Promise<unknown>,
): Promise<Journal> {
  return withServer(
    async ({ process, client }) => {
      const database = new Database(process.databasePath, { readonly: true });
      let begunAt = 0;
      await work(client, () => {
        begunAt = recordedUpTo(database);
      });
      const journal = readJournal(database, begunAt);
      database.close();
      return journal;
    },
    { prepare: addTriggers },
  );
}

async function addTriggers(path: string): Promise<void> {
  const database = await openWithSchema(path);
  recordRows(database);
  database.close();
}
