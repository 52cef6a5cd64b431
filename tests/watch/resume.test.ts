import { expect, test } from 'vitest';
import { CheckState, StageState } from '../../gen/turboci/v1/common_pb.js';
import { Dice, seedFrom } from '../fault/dice.ts';
import { databasePath, launch } from '../fault/serve.ts';
import { TestClient, turboci } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { findViolations } from '../support/invariants.ts';
import { RpcError } from '../support/rpc-error.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { faultOf } from './judge.ts';
import { Author, LoadedPlan } from './load.ts';
import { readPlanHistories } from './plan-history.ts';
import { type Watch, Watcher, type World } from './watcher.ts';

/** Lives of the server, and writes of each author in each. */
const LIVES = effort(2, 60);
const WRITES = 100;
const LASTING = 3;
const PULSING = 2;
const WATCHERS = 16;

test(`watchers that join, leave and resume anywhere while ${LIVES} servers are killed see every event once, in order`, {
  timeout: 60_000 * LIVES,
}, async () => {
  const dice = new Dice(seedFrom('WATCH_SEED'));
  const path = await databasePath();
  const over = new AbortController();
  let server: ServerProcess = launch(path);
  let client = new TestClient(await server.serving);
  const address: { now: string | undefined } = { now: await server.serving };
  const plans = await Promise.all(
    Array.from({ length: LASTING + PULSING }, async () => {
      const { workPlan } = await turboci(client).createWorkPlan({});
      return new LoadedPlan(workPlan?.id ?? '');
    }),
  );
  const world: World = {
    plans,
    over: over.signal,
    address: () => address.now,
    revisionOf: (plan) =>
      turboci(client)
        .getWorkPlan({ id: plan.id })
        .then(({ workPlan }) => Number(workPlan?.version))
        .catch(() => undefined),
  };
  // Two authors of each lasting plan, one of each other, which would not come to its end between two.
  const authors = plans.flatMap((plan, at) =>
    at < LASTING
      ? [new Author(plan, `a${at}`, dice.fork(), true), new Author(plan, `b${at}`, dice.fork(), true)]
      : [new Author(plan, `p${at}`, dice.fork(), false)],
  );
  const watchers = Array.from({ length: WATCHERS }, () => new Watcher(world, dice.fork()));
  const watching = watchers.map((watcher) => watcher.run());
  for (let life = 1; life <= LIVES; life++) {
    if (life > 1) {
      server = launch(path);
      address.now = await server.serving;
      client = new TestClient(address.now);
    }
    const isLast = life === LIVES;
    const lanes = authors.map(async (author) => {
      for (let write = 0; write < WRITES; write++) await author.write(client);
    });
    if (isLast) {
      await Promise.all(lanes);
      break;
    }
    await Promise.race(lanes);
    address.now = undefined;
    server.kill('SIGKILL');
    await server.exit;
    for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') expectCut(lane.reason);
    client.close();
  }
  over.abort();
  await Promise.all(watching);
  for (const plan of plans) await endPlan(client, plan);

  const watches = watchers.flatMap((watcher) => watcher.watches);
  const whole = watches.filter(({ end }) => end === undefined || end === 'OK');
  const histories = await waitFor('all plans to end', () => {
    const read = readPlanHistories(path);
    return plans.every(({ id }) => read.get(id)?.completedAt(Number.MAX_SAFE_INTEGER) !== undefined) && read;
  });
  const fault = (watch: Watch, isWhole: boolean) => {
    const history = histories.get(watch.wish.plan.id);
    return history === undefined ? 'no history' : faultOf(watch.seen(isWhole), history);
  };
  const faults: unknown[] = [];
  for (const watch of whole) {
    await waitFor('the rest', () => fault(watch, true) === undefined, 3000).catch(() => {
      faults.push({ fault: fault(watch, true), watch: describe(watch) });
    });
    watch.leave();
  }
  for (const watch of watches.filter((other) => !whole.includes(other))) {
    const found = fault(watch, false);
    if (found !== undefined) faults.push({ fault: found, watch: describe(watch) });
  }
  const ends = Map.groupBy(watches, ({ end }) => end ?? 'STAYED');
  const events = watches.reduce((sum, { keys }) => sum + keys.length, 0);
  const written = [...histories.values()].reduce((sum, history) => sum + history.events.length, 0);
  console.log(
    `${LIVES} lives, ${written} events written, ${watches.length} watches of ${WATCHERS} watchers got ${events}: ` +
      [...ends].map(([end, { length }]) => `${length} ${end}`).join(', '),
  );
  expect(faults.slice(0, 10)).toEqual([]);
  expect([...ends.keys()].filter((end) => !EXPECTED_ENDS.includes(end))).toEqual([]);
  expect(ends.get('OK')?.length).toBeGreaterThan(0);
  client.close();
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  expect(findViolations(path)).toEqual([]);
});

/** Left or cut by the watcher or cut with the server, too slow while it rested, at the end of its plan, or still there. */
const EXPECTED_ENDS = ['CUT', 'RESOURCE_EXHAUSTED', 'OK', 'STAYED'];

/** A plan's last word passes every filter. */
async function endPlan(client: TestClient, { id }: LoadedPlan): Promise<void> {
  const api = turboci(client);
  await api.writeNodes({ workPlanId: id, checks: [{ id: 'the end', state: CheckState.PLANNING }] });
  await api.cancelWorkPlan({ id, reason: 'the end' });
  // What a kill left without its author would have ten seconds to stop.
  const { stages } = await api.queryNodes({ workPlanId: id, stageStates: [StageState.ATTEMPTING] });
  const ends = stages.map((stage) => ({ id: stage.id, state: StageState.FINAL }));
  await api.writeNodes({ workPlanId: id, stages: ends });
}

function expectCut(error: unknown): void {
  if (!(error instanceof RpcError && error.code === 'UNAVAILABLE')) throw error;
}

function describe(watch: Watch): unknown {
  const { plan, ...wish } = watch.wish;
  return { plan: plan.id, ...wish, latest: watch.latest, end: watch.end, got: watch.keys.length };
}
