import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { TestClient, turboci } from '../support/client.ts';
import { scratchFolder } from '../support/scratch.ts';
import { ServerProcess } from '../support/server-process.ts';

export type Env = Readonly<Record<string, string>>;

/** Where a database of the running test's own may be. */
export async function databasePath(): Promise<string> {
  return join(await scratchFolder(), 'turboci.db');
}

/** A server process on a database file, with its logs beside it; it may not serve yet. */
export function launch(path: string, env: Env = {}): ServerProcess {
  return new ServerProcess({ SQLITE_PATH: path, LOG_DIR: join(dirname(path), 'logs'), ...env });
}

/** A server process that serves a database file, and a client of it. */
export async function serve(path: string, env: Env = {}) {
  const server = launch(path, env);
  const address = await server.serving;
  const client = new TestClient(address);
  onTestFinished(() => client.close());
  return { server, address, client, api: turboci(client) };
}

export type Served = Awaited<ReturnType<typeof serve>>;
