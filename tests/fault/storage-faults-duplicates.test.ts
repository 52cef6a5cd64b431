import type { DescMethod } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { findViolations } from '../support/invariants.ts';
import { RpcError } from '../support/rpc-error.ts';
import { waitFor } from '../support/wait-for.ts';
import { databasePath, type Served, serve } from './serve.ts';
import {
  type Act,
  type DuplicateCase,
  duplicateCases,
  hog,
  type Mode,
  type Reply,
  readers,
} from './storage-faults/duplicate-cases.ts';

/** The same request sent once and twice: two scenes that ought to look alike. */
type Pair = { readonly title: string; readonly one: DuplicateCase; readonly once: Played; readonly twice: Played };
type Played = { readonly name: string; readonly act: Act; readonly replies: Reply[] };

/** A server that executes one builtin attempt at a time. */
const ENV = { TURBOCI_EXECUTOR_CONCURRENCY: '1' };

test('every RPC either reads or has a case of duplicates', () => {
  const known = [...readers, ...duplicateCases.map(({ method }) => method)];
  const served = [TurboCIOrchestrator, TurboCIExecutor].flatMap(({ methods }): readonly DescMethod[] => methods);
  expect(known.map(nameOf).sort()).toEqual(served.map(nameOf).sort());
});

test('every mutating RPC sent twice has one effect: in a row, at the same time, and over a kill -9', async () => {
  const path = await databasePath();
  let served: Served = await serve(path, ENV);
  const api = () => served.api;
  const { workPlan } = await api().createWorkPlan({});
  await api().writeNodes({ workPlanId: workPlan?.id ?? '', stages: [hog] });
  await waitFor('the place for builtin executions to be taken', async () => {
    const { stages } = await api().queryNodes({ workPlanId: workPlan?.id ?? '', includeStages: true });
    return (stages[0]?.attempts[0]?.processUid ?? '') !== '';
  });
  const pair = async (one: DuplicateCase, mode: Mode): Promise<Pair> => {
    const title = `${one.method.name} ${mode}`;
    const play = async (suffix: string): Promise<Played> => {
      const name = `${title} ${suffix}`;
      return { name, act: await one.set({ name, mode, api }), replies: [] };
    };
    return { title, one, once: await play('once'), twice: await play('twice') };
  };

  for (const one of duplicateCases) {
    const row = await pair(one, 'AFTER_THE_FIRST');
    await sendOne(row.once);
    await sendOne(row.twice);
    await sendOne(row.twice);
    await expectAlike(row);
    const together = await pair(one, 'TOGETHER');
    await sendOne(together.once);
    await Promise.all([sendOne(together.twice), sendOne(together.twice)]);
    await expectAlike(together);
  }

  const pairs: Pair[] = [];
  for (const one of duplicateCases) pairs.push(await pair(one, 'AFTER_A_RESTART'));
  for (const { once, twice } of pairs) await Promise.all([sendOne(once), sendOne(twice)]);
  served.server.kill('SIGKILL');
  await served.server.exit;
  served = await serve(path, ENV);
  for (const restarted of pairs) {
    await sendOne(restarted.twice);
    await expectAlike(restarted);
  }
  served.server.kill('SIGTERM');
  await served.server.exit;
  expect(findViolations(path)).toEqual([]);
  console.log(`${duplicateCases.length} mutating RPCs sent twice in 3 ways`);
});

async function sendOne({ act, replies }: Played): Promise<void> {
  try {
    replies.push({ answer: await act.send() });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    replies.push({ code: error.code });
  }
}

/** The two scenes look the same, and the duplicate was answered as it ought to be. */
async function expectAlike({ title, one, once, twice }: Pair): Promise<void> {
  expect(plain(twice, await twice.act.look()), `${title}: what it did`).toEqual(plain(once, await once.act.look()));
  const replies = twice.replies.map((reply) => plain(twice, reply));
  const expected = plain(once, once.replies[0]);
  expect(expected, `${title}: sent once`).toHaveProperty('answer');
  // Of two requests at a time it is not known which came first.
  const [first, second] = same(replies[0], expected) ? replies : replies.toReversed();
  expect(first, `${title}: the answer`).toEqual(expected);
  if (one.repeated === 'SAME') expect(second, `${title}: the answer to the duplicate`).toEqual(first);
  else if ('code' in one.repeated) expect(second, `${title}: the answer to the duplicate`).toEqual(one.repeated);
  else expect(one.repeated.judge(...bothOf(twice)), `${title}: ${JSON.stringify(replies)}`).toBe(true);
}

function bothOf({ replies: [first, second] }: Played): readonly [Reply, Reply] {
  if (first === undefined || second === undefined) throw new Error('it was not sent twice');
  return [first, second];
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** Results are numbered, for all plans together. */
const NUMBERED = /"id":"\d+"/g;

/** Without what two scenes may differ in: their names, ids and times. */
function plain<T>({ name }: Played, value: T): T {
  const text = JSON.stringify(value).replaceAll(name, 'NAME');
  return JSON.parse(text.replaceAll(UUID, 'ID').replaceAll(TIME, 'TIME').replaceAll(NUMBERED, '"id":"N"'));
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}
