import { constants } from 'node:http2';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CheckState, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TestClient, turboci } from '../support/client.ts';
import { RpcError } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { ServerProcess } from '../support/server-process.ts';
import { within } from '../support/wait-for.ts';
import { type Memory, megabytes, ProcessCost } from './process-cost.ts';
import { StalledWatch } from './stalled-watch.ts';

const WRITES = 1000;
const NODES_PER_WRITE = 100;
const EVENTS = WRITES * NODES_PER_WRITE;
const WRITES_IN_FLIGHT = 4;
const SAMPLES = 5;
const STALLED = 8;
const MOST_BYTES = 20e6;

/*
 * Method: the same 100,000 events are written to two new servers under a healthy watcher, once without (the control) and
 * once beside watchers that never read. At the same points of both runs the server collects its garbage and says what is
 * left. What the second run holds more is what those watchers cost: live objects and buffers exactly; of the process's
 * whole memory, which varies between equal runs by more than that, the share of one of several watchers.
 */
test(`${STALLED} watchers that never read while ${EVENTS} events are written cost little, and are cut`, {
  timeout: 180_000,
}, async () => {
  const control = await run(0);
  const stalled = await run(STALLED);
  const live = mostOver(stalled.memory, control.memory, 'live');
  const rss = mostOver(stalled.memory, control.memory, 'rss');
  console.log(`control: ${describeMemory(control.memory)}\n${STALLED} stalled: ${describeMemory(stalled.memory)}`);
  console.log(`cost of all ${STALLED}: ${megabytes(live)} live; of each: ${megabytes(rss / STALLED)} resident`);
  expect(live).toBeLessThan(MOST_BYTES);
  expect(rss / STALLED).toBeLessThan(MOST_BYTES);
  // The stream of a watcher that cannot even take its error is reset.
  expect(stalled.codes).toEqual(Array.from({ length: STALLED }, () => constants.NGHTTP2_ENHANCE_YOUR_CALM));
});

type Run = { readonly memory: readonly Memory[]; readonly codes: readonly number[] };

async function run(stalledCount: number): Promise<Run> {
  const folder = await scratchFolder();
  const server = new ServerProcess({ SQLITE_PATH: join(folder, 'turboci.db'), ...ProcessCost.environment(folder) });
  const seen = await writeEvents(await server.serving, new ProcessCost(server.pid, folder), stalledCount);
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
  return seen;
}

/** Writes the events of a new plan under a healthy watcher that must see them all, and stalled ones that must be cut. */
async function writeEvents(address: string, cost: ProcessCost, stalledCount: number): Promise<Run> {
  const client = new TestClient(address);
  const api = turboci(client);
  const { workPlan } = await api.createWorkPlan({});
  const workPlanId = workPlan?.id ?? '';
  const healthy = watchAll(address, workPlanId);
  await healthy.opened;
  const stalled = await Promise.all(Array.from({ length: stalledCount }, () => StalledWatch.open(address, workPlanId)));
  const memory: Memory[] = [];
  for (let from = 0; from < WRITES; from += WRITES / SAMPLES) {
    await writeMany(api, workPlanId, from, from + WRITES / SAMPLES);
    memory.push(await cost.memory());
  }
  const seen = await within('the healthy watcher to see every event', healthy.done, 60_000);
  expect(seen.gaps).toEqual([]);
  expect(seen.events).toBe(EVENTS);
  const codes = await within('the stalled watchers to be cut', Promise.all(stalled.map((watch) => watch.cut)), 20_000);
  for (const watch of stalled) watch.close();
  client.close();
  return { memory, codes };
}

async function writeMany(api: ReturnType<typeof turboci>, workPlanId: string, from: number, to: number): Promise<void> {
  let next = from;
  const lane = async () => {
    while (next < to) {
      const write = next++;
      const checks = Array.from({ length: NODES_PER_WRITE }, (_, index) => ({
        id: `check-${write}-${index}`,
        state: CheckState.PLANNED,
      }));
      await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
    }
  };
  await Promise.all(Array.from({ length: WRITES_IN_FLIGHT }, lane));
}

/** Reads everything, and says where a revision was missing or came late. */
function watchAll(address: string, workPlanId: string) {
  const client = new TestClient(address);
  const stream = turboci(client).watchWorkPlan({ workPlanId });
  const read = async () => {
    const gaps: string[] = [];
    let events = 0;
    let last = 1;
    for await (const { revision } of untilCancelled(stream)) {
      const now = Number(revision);
      if (now !== last && now !== last + 1) gaps.push(`${last} → ${now}`);
      last = now;
      events += 1;
      if (events === EVENTS) stream.cancel();
    }
    client.close();
    return { gaps, events };
  };
  const done = read();
  return { opened: stream.opened, done };
}

/** A stream that ends without an error when it is cancelled here. */
async function* untilCancelled<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    if (!(error instanceof RpcError && error.code === 'CANCELLED')) throw error;
  }
}

function mostOver(run: readonly Memory[], control: readonly Memory[], key: keyof Memory): number {
  return Math.max(...run.map((sample, at) => sample[key] - (control[at]?.[key] ?? 0)));
}

function describeMemory(samples: readonly Memory[]): string {
  return samples.map(({ live, rss }) => `${megabytes(live)} (${megabytes(rss)} resident)`).join(', ');
}
