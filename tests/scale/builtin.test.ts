import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  AttemptState,
  NodeType,
  NodeView,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../gen/turboci/v1/common_pb.js';
import { type Served, serve } from '../fault/serve.ts';
import { createPlan } from '../fault/stages.ts';
import { TestClient, turboci } from '../support/client.ts';
import { findViolations } from '../support/invariants.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { megabytes, ProcessCost } from './process-cost.ts';
import { runningAtOnce } from './running-at-once.ts';

type Api = Served['api'];

const PATIENCE = { timeout: 120_000 };
const MOST_MS = 60_000;
const CONCURRENCY = 8;

/** Stages of `builtin/noop`; with `chained` each waits for the one before. */
function noops(count: number, delay: string, chained = false) {
  return Array.from({ length: count }, (_, at) => ({
    id: `stage-${at}`,
    runnerType: 'builtin/noop',
    args: { delay },
    ...(chained && at > 0
      ? { dependencies: { dependencies: [{ targetType: NodeType.STAGE, targetId: `stage-${at - 1}` }] } }
      : {}),
  }));
}

async function completed(api: Api, workPlanId: string): Promise<number> {
  await waitFor(
    `plan ${workPlanId} to be COMPLETE`,
    async () => (await api.getWorkPlan({ id: workPlanId })).workPlan?.state === WorkPlanState.COMPLETE,
    MOST_MS,
  );
  return performance.now();
}

test('a plan of 100 running stages is cancelled, and all of them stop', PATIENCE, async () => {
  const path = join(await scratchFolder(), 'turboci.db');
  const { api } = await serve(path, { TURBOCI_EXECUTOR_CONCURRENCY: '100' });
  const workPlanId = await createPlan(api);
  await api.writeNodes({
    workPlanId,
    stages: [
      ...noops(100, '1h'),
      { id: 'waits', dependencies: { dependencies: [{ targetType: NodeType.STAGE, targetId: 'stage-0' }] } },
    ],
  });
  await waitFor('all to run', async () => {
    const { stages } = await api.queryNodes({ workPlanId });
    return stages.filter(({ attempts }) => attempts[0]?.state === AttemptState.RUNNING).length === 100;
  });
  const startedAt = performance.now();
  const { workPlan } = await api.cancelWorkPlan({ id: workPlanId, reason: 'enough' });
  expect(workPlan?.state).toBe(WorkPlanState.CANCELLED);
  await waitFor('all to be FINAL', async () => {
    const { stages } = await api.queryNodes({ workPlanId });
    return stages.every(({ state, outcome }) => state === StageState.FINAL && outcome === Outcome.CANCELLED);
  });
  const ms = performance.now() - startedAt;
  console.log(`100 running stages stopped within ${ms.toFixed(0)} ms`);
  // Executors that heed the order to stop do not need the grace time of 10 s.
  expect(ms).toBeLessThan(5000);
  expect(findViolations(path)).toEqual([]);
});

test(
  '2,000 stages of one plan run beside a small plan, which is not starved, and no more at once than allowed',
  PATIENCE,
  async () => {
    const path = join(await scratchFolder(), 'turboci.db');
    const { api } = await serve(path, { TURBOCI_EXECUTOR_CONCURRENCY: String(CONCURRENCY) });
    const big = await createPlan(api);
    const small = await createPlan(api);
    const startedAt = performance.now();
    await api.writeNodes({ workPlanId: big, stages: noops(2000, '2ms'), responseView: NodeView.BASIC });
    await api.writeNodes({ workPlanId: small, stages: noops(10, '2ms', true) });
    const [bigEnd, smallEnd] = await Promise.all([completed(api, big), completed(api, small)]);
    const [bigMs, smallMs] = [bigEnd - startedAt, smallEnd - startedAt];
    console.log(`2,000 stages: ${bigMs.toFixed(0)} ms; a chain of 10 beside them: ${smallMs.toFixed(0)} ms`);
    // First come, first served would make it end last.
    expect(smallMs).toBeLessThan(bigMs / 2);
    expect(runningAtOnce(path, big)).toBeLessThanOrEqual(CONCURRENCY);
    expect(runningAtOnce(path, big)).toBeGreaterThan(1);
    expect(findViolations(path)).toEqual([]);
  },
);

test('memory and open files stay flat over repeated runs', PATIENCE, async () => {
  const folder = await scratchFolder();
  const { server, address } = await serve(join(folder, 'turboci.db'), ProcessCost.environment(folder));
  const cost = new ProcessCost(server.pid, folder);
  const rounds: { readonly live: number; readonly rss: number; readonly files: number }[] = [];
  for (let round = 0; round < 5; round++) {
    await runOnce(address, 300);
    const fewest = Math.min(...rounds.map(({ files }) => files));
    // The connection of this round closes in its own time; what stays open after it never does.
    const files = await waitFor('no more files to be open than after earlier rounds', () => {
      const open = cost.openFiles();
      return open <= fewest ? open : undefined;
    });
    rounds.push({ ...(await cost.memory()), files });
  }
  console.log(
    rounds
      .map(({ live, rss, files }) => `${megabytes(live)} live, ${megabytes(rss)} resident, ${files} files`)
      .join('\n'),
  );
  const [, second, ...later] = rounds;
  // The first round fills caches and compiles code. What grew with each of 300 stages would be seen.
  for (const { live } of later) expect(live - (second?.live ?? 0)).toBeLessThan(3e6);
});

/** A plan from its creation to its end, watched, over a connection of its own. */
async function runOnce(address: string, stages: number): Promise<void> {
  const client = new TestClient(address);
  const api = turboci(client);
  const workPlanId = await createPlan(api);
  const watch = api.watchWorkPlan({ workPlanId, sinceRevision: 0n, endOnCompletion: true });
  await api.writeNodes({ workPlanId, stages: noops(stages, '1ms'), responseView: NodeView.BASIC });
  const events = await within('the watch to end', watch.rest(), MOST_MS);
  expect(events.at(-1)?.event.case).toBe('completedEvent');
  client.close();
}
