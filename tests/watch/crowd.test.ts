import { constants } from 'node:http2';
import { dirname } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CheckState, NodeView } from '../../gen/turboci/v1/common_pb.js';
import type { WorkPlanEvent } from '../../gen/turboci/v1/service_pb.js';
import { databasePath, launch } from '../fault/serve.ts';
import { type Memory, megabytes, ProcessCost } from '../scale/process-cost.ts';
import { StalledWatch } from '../scale/stalled-watch.ts';
import { TestClient, turboci } from '../support/client.ts';
import { effort } from '../support/effort.ts';
import { refusal } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { WatchConnection, type WireWatch } from './wire-watch.ts';

/** The limit of watchers: those who never read, those who want a few events, and those who want all of them. */
const WATCHERS = 1000;
const STALLED = 100;
const GREEDY = 3;
const PICKY = WATCHERS - STALLED - GREEDY;
const PER_CONNECTION = 30;

const WRITES = effort(100, 1000);
const NODES_PER_WRITE = 200;
const EVENTS = WRITES * NODES_PER_WRITE;

/** What greedy watchers may be behind before the next write: far from being cut, as long as they read. */
const MOST_BEHIND = 2000;

/** In each event, so that what flows to one watcher is many times what may wait for it. */
const PADDING = 'x'.repeat(300);

const MOST_LIVE_BYTES = 80e6;
const MOST_LEFT_BYTES = 8e6;

test(`${WATCHERS} watchers, of which ${STALLED} never read, while ${EVENTS} events are written`, {
  timeout: effort(120_000, 900_000),
}, async () => {
  const path = await databasePath();
  const folder = dirname(path);
  const server = launch(path, ProcessCost.environment(folder));
  const address = await server.serving;
  const cost = new ProcessCost(server.pid, folder);
  const client = new TestClient(address);
  const api = turboci(client);
  const warmUp = await api.createWorkPlan({});
  await write(api, warmUp.workPlan?.id ?? '', 0);
  const workPlanId = (await api.createWorkPlan({})).workPlan?.id ?? '';
  const before = await cost.memory();
  const files = cost.openFiles();

  const stalled = await Promise.all(Array.from({ length: STALLED }, () => StalledWatch.open(address, workPlanId)));
  const readers = await openReaders(address, workPlanId);
  const refused = await refusal(api.watchWorkPlan({ workPlanId }).rest());
  expect([refused.code, refused.reason, refused.message]).toEqual([
    'RESOURCE_EXHAUSTED',
    'WATCHERS_LIMIT',
    `the server has ${WATCHERS} watchers already`,
  ]);

  const samples: Memory[] = [await cost.memory()];
  const greedy = readers.watches.filter(({ isGreedy }) => isGreedy);
  for (let at = 1; at <= WRITES; at++) {
    await write(api, workPlanId, at);
    const least = at * NODES_PER_WRITE - MOST_BEHIND;
    await waitFor('the greedy watchers to follow', () => greedy.every(({ count }) => count >= least), 60_000);
    if (at % (WRITES / 5) === 0) samples.push(await cost.memory());
  }
  const isWhole = (reader: Reader) => reader.count === (reader.isGreedy ? EVENTS : WRITES);
  await waitFor('every reader to see every event', () => readers.watches.every(isWhole), 60_000);
  expect(readers.watches.flatMap(({ faults }) => faults)).toEqual([]);
  const cuts = await within('those who never read to be cut', Promise.all(stalled.map(({ cut }) => cut)), 20_000);
  expect(new Set(cuts)).toEqual(new Set([constants.NGHTTP2_ENHANCE_YOUR_CALM]));
  // One who was cut made room for another.
  const next = await StalledWatch.open(address, workPlanId);
  next.close();

  for (const watch of stalled) watch.close();
  for (const connection of readers.connections) connection.cut();
  await waitFor('all connections to be closed', () => cost.openFiles() <= files);
  const after = await cost.memory();
  const live = samples.map((sample) => sample.live - before.live);
  const rss = samples.map((sample) => sample.rss - before.rss);
  console.log(
    `${WATCHERS} watchers, ${STALLED} of them stalled and cut, ${EVENTS} events, ` +
      `${GREEDY * EVENTS + PICKY * WRITES} delivered: ${live.map(megabytes).join(', ')} more live ` +
      `(${rss.map(megabytes).join(', ')} resident), after they left ${megabytes(after.live - before.live)} ` +
      `(${megabytes(after.rss - before.rss)})`,
  );
  expect(Math.max(...live)).toBeLessThan(MOST_LIVE_BYTES);
  expect(after.live - before.live).toBeLessThan(MOST_LEFT_BYTES);
  client.close();
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
});

/** One of the checks is FINAL: picky watchers want to hear of no other. */
async function write(api: ReturnType<typeof turboci>, workPlanId: string, at: number): Promise<void> {
  const checks = Array.from({ length: NODES_PER_WRITE }, (_, index) => ({
    id: `c-${at}-${index}`,
    kind: PADDING,
    state: index === 0 ? CheckState.FINAL : CheckState.PLANNING,
  }));
  await api.writeNodes({ workPlanId, checks, responseView: NodeView.BASIC });
}

/** A watcher that counts what it gets, and notices what is out of order. */
class Reader {
  readonly isGreedy: boolean;
  readonly faults: string[] = [];
  count = 0;

  constructor(isGreedy: boolean) {
    this.isGreedy = isGreedy;
  }

  take({ revision, event }: WorkPlanEvent): void {
    const id = event.case === 'checkEvent' ? event.value.checkId : '';
    const at = this.isGreedy ? Math.floor(this.count / NODES_PER_WRITE) : this.count;
    const expected = `${at + 2} c-${at + 1}-${this.isGreedy ? this.count % NODES_PER_WRITE : 0}`;
    if (`${revision} ${id}` !== expected) this.faults.push(`got ${revision} ${id}, expected ${expected}`);
    this.count += 1;
  }
}

async function openReaders(address: string, workPlanId: string) {
  const connections: WatchConnection[] = [];
  const watches: Reader[] = [];
  const wires: WireWatch[] = [];
  while (watches.length < PICKY + GREEDY) {
    const connection = await WatchConnection.open(address);
    onTestFinished(() => connection.cut());
    connections.push(connection);
    for (let at = 0; at < PER_CONNECTION && watches.length < PICKY + GREEDY; at++) {
      const reader = new Reader(watches.length < GREEDY);
      const filter = reader.isGreedy ? {} : { checkStateFilter: [CheckState.FINAL] };
      watches.push(reader);
      wires.push(connection.watch({ workPlanId, ...filter }, (event) => reader.take(event)));
    }
  }
  await within('the readers to be subscribed', Promise.all(wires.map(({ opened }) => opened)));
  return { connections, watches };
}
