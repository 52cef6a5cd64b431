import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '../../../src/server.ts';
import { type Calls, TestPlan } from '../../e2e/semantics/harness/plan.ts';
import { TestClient, turboci } from '../../support/client.ts';
import { findViolations } from '../../support/invariants.ts';

type Options = Omit<ServerOptions, 'sqlitePath' | 'port'>;

/** Where scenes are played: a server in this process, or one that tests kill. */
export type Stageable = { readonly address: string; readonly client: TestClient; readonly folder: string };

/** A server in the process of the tests, on a file database of its own; retries come at once unless told otherwise. */
class ExecutionServer implements Stageable {
  readonly folder: string;
  readonly client: TestClient;
  readonly #running: RunningServer;

  constructor(folder: string, running: RunningServer) {
    this.folder = folder;
    this.#running = running;
    this.client = new TestClient(running.address);
  }

  get address(): string {
    return this.#running.address;
  }

  get path(): string {
    return databaseIn(this.folder);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#running.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function databaseIn(folder: string): string {
  return join(folder, 'turboci.db');
}

/** The server of a test file, and what its database must hold after all tests. */
export function useExecutionServer(options: Options = {}): { readonly current: Stageable } {
  let server: ExecutionServer | undefined;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'turboci-execution-'));
    const policy = { backoffInitialMs: 1, backoffMaxMs: 10, ...options.policy };
    const at = { port: 0, sqlitePath: databaseIn(folder), logDir: join(folder, 'logs') };
    server = new ExecutionServer(folder, await startServer({ ...options, policy, ...at }));
  });
  afterAll(async () => {
    const violations = server === undefined ? [] : findViolations(server.path);
    await server?.stop();
    expect(violations).toEqual([]);
  });
  return {
    get current() {
      return server ?? expect.fail('the server does not run');
    },
  };
}

/** Creates a plan. */
export async function createPlan(calls: Calls, metadata: Readonly<Record<string, string>> = {}): Promise<TestPlan> {
  const { workPlan } = await calls.createWorkPlan({ metadata: { ...metadata } });
  return new TestPlan(calls, workPlan?.id ?? expect.fail('the answer lacks the plan'));
}

/** The calls of a server. */
export function callsOf({ client }: Stageable): Calls {
  return turboci(client);
}
