import { CheckState, NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient, encode, pathOf } from '../bench-client.ts';
import { milliseconds } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** Checks made FINAL one by one: with nothing behind them, then under a stage that waits for all, then for twice as many. */
export async function fanIn({ repetitions, fanIn: count }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const plain: number[] = [];
  const once: number[] = [];
  const twice: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const plainMs = await finalizeEach(client, count, false);
    const onceMs = await finalizeEach(client, count, true);
    const twiceMs = await finalizeEach(client, 2 * count, true);
    if (repetition === 0) continue;
    plain.push(plainMs);
    once.push(onceMs);
    twice.push(twiceMs);
  }
  client.close();
  await server.stop();
  const ratio = (over: readonly number[], under: readonly number[]) => over.map((ms, at) => ms / (under[at] ?? ms));
  return [
    row(`fan-in, ${count} checks made FINAL one by one`, 'ms', sampleOf(once)),
    row(`  ${count} plain writes one by one`, 'ms', sampleOf(plain)),
    row('  fan-in to plain writes', '×', sampleOf(ratio(once, plain)), { atMost: 1.5 }),
    row(`  fan-in of ${2 * count} to that of ${count}`, '×', sampleOf(ratio(twice, once)), { atMost: 2.2 }),
  ];
}

/** Milliseconds for the writes; without `waiting` no stage waits for the checks. */
async function finalizeEach(client: BenchClient, count: number, waiting: boolean): Promise<number> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const ids = Array.from({ length: count }, (_, at) => `check-${at}`);
  const dependencies = ids.map((targetId) => ({ targetType: NodeType.CHECK, targetId }));
  await client.call(writeNodes, {
    workPlanId,
    checks: ids.map((id) => ({ id, state: CheckState.PLANNED })),
    stages: [{ id: 'waits', ...(waiting ? { dependencies: { dependencies } } : {}) }],
    responseView: NodeView.BASIC,
  });
  const result = { ownerType: 'bench', ownerId: 'bench', data: { passed: true } };
  const writes = ids.map((id) => encode(writeNodes, { workPlanId, checks: [{ id, state: CheckState.FINAL, result }] }));
  return milliseconds(async () => {
    for (const write of writes) await client.raw(pathOf(writeNodes), write);
  });
}
