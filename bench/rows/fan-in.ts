import { CheckState, NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { type BenchClient, encode, pathOf } from '../bench-client.ts';
import { withServer } from '../bench-server.ts';
import { bareWriteMs } from '../limits/bare-writes.ts';
import { Echo } from '../limits/echo.ts';
import { recordJournal } from '../limits/record-journal.ts';
import { milliseconds, repeated } from '../load.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import { quotients } from '../statistics.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** Checks made FINAL one by one: with nothing behind them, then under a stage that waits for all, then for twice as many. */
export async function fanIn({ repetitions, fanIn: count }: Scale): Promise<readonly Row[]> {
  const journal = await recordJournal(async (client, begin) => {
    const writes = await prepare(client, count, true);
    begin();
    await oneByOne(writes, (write) => client.raw(pathOf(writeNodes), write));
  });
  const rounds = await withServer(async ({ process, client }) => {
    const own = (write: Buffer) => client.raw(pathOf(writeNodes), write);
    const sample = await prepare(client, 1, true);
    const echo = await Echo.start((await own(sample[0] ?? Buffer.alloc(0))).length);
    const measured = await repeated(repetitions, async () => {
      const plain = await prepare(client, count, false);
      const once = await prepare(client, count, true);
      const twice = await prepare(client, 2 * count, true);
      const plainMs = await oneByOne(plain, own);
      const cpuBefore = process.cpuMs();
      const onceMs = await oneByOne(once, own);
      const cpuMs = (process.cpuMs() - cpuBefore) / count;
      const twiceMs = await oneByOne(twice, own);
      const echoMs = await oneByOne(once, (write) => echo.call(write));
      return { plainMs, onceMs, cpuMs, twiceMs, echoMs, bareMs: await bareWriteMs(journal, count) };
    });
    await echo.stop();
    return measured;
  });
  const work = `fan-in, ${count} checks made FINAL one by one`;
  const once = rounds.map(({ onceMs }) => onceMs);
  const limits = { echo: rounds.map(({ echoMs }) => echoMs), SQLite: rounds.map(({ bareMs }) => bareMs) };
  return [
    costRow({ work, unit: 'ms', values: once, limits, cpuMs: rounds.map(({ cpuMs }) => cpuMs) }),
    costRow({
      work,
      part: `to ${count} plain writes one by one`,
      unit: '×',
      values: quotients(
        once,
        rounds.map(({ plainMs }) => plainMs),
      ),
      target: 1.5,
    }),
    costRow({
      work,
      part: `${2 * count} checks to ${count}`,
      unit: '×',
      values: quotients(
        rounds.map(({ twiceMs }) => twiceMs),
        once,
      ),
      target: 2.2,
    }),
  ];
}

/** A plan of checks, and the writes that make them FINAL; without `isWaiting` no stage waits for them. */
async function prepare(client: BenchClient, count: number, isWaiting: boolean): Promise<readonly Buffer[]> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const ids = Array.from({ length: count }, (_, at) => `check-${at}`);
  const dependencies = ids.map((targetId) => ({ targetType: NodeType.CHECK, targetId }));
  await client.call(writeNodes, {
    workPlanId,
    checks: ids.map((id) => ({ id, state: CheckState.PLANNED })),
    stages: [{ id: 'waits', ...(isWaiting ? { dependencies: { dependencies } } : {}) }],
    responseView: NodeView.BASIC,
  });
  const result = { ownerType: 'bench', ownerId: 'bench', data: { passed: true } };
  return ids.map((id) => encode(writeNodes, { workPlanId, checks: [{ id, state: CheckState.FINAL, result }] }));
}

/** Milliseconds of the calls, each after the answer to the one before. */
function oneByOne(writes: readonly Buffer[], call: (write: Buffer) => Promise<unknown>): Promise<number> {
  return milliseconds(async () => {
    for (const write of writes) await call(write);
  });
}
