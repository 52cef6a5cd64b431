import { CheckState } from '../../gen/turboci/v1/common_pb.js';
import { TestClient, turboci } from '../support/client.ts';

/** No healthy call may take longer, in milliseconds. */
const DEADLINE_MS = 10_000;

/** What healthy clients have met so far. */
export type Tally = { readonly calls: number; readonly failures: readonly string[]; readonly slowestMs: number };

/**
 * Clients that do real work, each on a connection of its own, one plan after the other until they are stopped: create it,
 * watch it to its end, write, query. Nothing is tried again: a call that fails is a failure.
 */
export class HealthyClients {
  #calls = 0;
  #failures: string[] = [];
  #slowestMs = 0;
  #isStopped = false;
  readonly #lanes: readonly Promise<void>[];

  constructor(address: string, count: number) {
    this.#lanes = Array.from({ length: count }, () => this.#run(address));
  }

  /** What was met since the last time this was asked. */
  take(): Tally {
    const tally = { calls: this.#calls, failures: this.#failures, slowestMs: this.#slowestMs };
    this.#calls = 0;
    this.#failures = [];
    this.#slowestMs = 0;
    return tally;
  }

  get calls(): number {
    return this.#calls;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lanes);
  }

  async #run(address: string): Promise<void> {
    const client = new TestClient(address, { 'grpc.enable_retries': 0 });
    while (!this.#isStopped) await this.#work(client).catch(() => {});
    client.close();
  }

  async #work(client: TestClient): Promise<void> {
    const api = turboci(client);
    const init = () => ({ deadline: new Date(Date.now() + DEADLINE_MS) });
    const { workPlan } = await this.#count('create', api.createWorkPlan({ metadata: { by: 'healthy' } }, init()));
    const workPlanId = workPlan?.id ?? '';
    const watch = api.watchWorkPlan({ workPlanId, sinceRevision: 0n, endOnCompletion: true }, init());
    const watched = this.#count('watch', watch.rest()).catch(() => []);
    await this.#count(
      'write',
      api.writeNodes({ workPlanId, checks: [{ id: 'c', state: CheckState.PLANNED }] }, init()),
    );
    await this.#count('query', api.queryNodes({ workPlanId }, init()));
    const result = { ownerType: 'test', ownerId: 'healthy', data: { ok: true } };
    const checks = [{ id: 'c', state: CheckState.FINAL, result }];
    await this.#count('finalize', api.writeNodes({ workPlanId, checks }, init()));
    const events = await watched;
    if (events.at(-1)?.event.case !== 'completedEvent') this.#failures.push('watch: without its completion');
  }

  async #count<T>(what: string, call: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.#calls += 1;
    try {
      return await call;
    } catch (error) {
      this.#failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    } finally {
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAt);
    }
  }
}
