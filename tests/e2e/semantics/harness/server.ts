import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type RunningServer, type ServerOptions, startServer } from '../../../../src/server.ts';
import { TestClient, turboci } from '../../../support/client.ts';
import { type Calls, type CreateInit, TestPlan } from './plan.ts';

type Options = Omit<ServerOptions, 'sqlitePath' | 'port'>;

/** A server of this test file's own, on a file database of its own, started before the tests and stopped after them. */
export class TestServer {
  readonly #options: Options;
  #folder: string | undefined;
  #running: RunningServer | undefined;
  #client: TestClient | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  get client(): TestClient {
    return this.#client ?? expect.fail('the server does not run');
  }

  get calls(): Calls {
    return turboci(this.client);
  }

  get folder(): string {
    return this.#folder ?? expect.fail('the server has not run');
  }

  async start(): Promise<void> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'turboci-semantics-'));
    this.#running = await startServer({ ...this.#options, ...this.#at(this.#folder) });
    this.#client = new TestClient(this.#running.address);
  }

  #at(folder: string): ServerOptions {
    return { port: 0, sqlitePath: join(folder, 'turboci.db'), logDir: join(folder, 'logs') };
  }

  async stop(): Promise<void> {
    this.#client?.close();
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
  }

  /** Stops and starts again on the same database. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** Creates a plan. */
  async plan(request: CreateInit = {}): Promise<TestPlan> {
    const { workPlan } = await this.calls.createWorkPlan(request);
    return this.open(workPlan?.id ?? expect.fail('the answer lacks the plan'));
  }

  /** A plan that exists already, or none. */
  open(id: string): TestPlan {
    return new TestPlan(this.calls, id);
  }
}

/** A server for the tests of this file. */
export function useServer(options: Options = {}): TestServer {
  const server = new TestServer(options);
  beforeAll(() => server.start());
  afterAll(() => server.remove());
  return server;
}
