import { CheckState, NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient, encode, pathOf } from '../bench-client.ts';
import { milliseconds } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const { createWorkPlan, getWorkPlan, queryNodes, writeNodes } = TurboCIOrchestrator.method;
const EDGES = [1, 10, 100] as const;

/** One write of many nodes, one query for all of them, and what a small call beside the query has to wait. */
export async function largePlan({ repetitions, nodes }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const writes: number[] = [];
  const queries: number[] = [];
  const waits: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const { workPlan } = await client.call(createWorkPlan, {});
    const workPlanId = workPlan?.id ?? '';
    const write = encode(writeNodes, { workPlanId, checks: checksWithEdges(nodes), responseView: NodeView.BASIC });
    const query = encode(queryNodes, { workPlanId });
    const writeMs = await milliseconds(() => client.raw(pathOf(writeNodes), write));
    const queryMs = await milliseconds(() => client.raw(pathOf(queryNodes), query));
    const wait = await longestWaitBeside(server.address, workPlanId, () => client.raw(pathOf(queryNodes), query));
    if (repetition === 0) continue;
    writes.push(writeMs);
    queries.push(queryMs);
    waits.push(wait);
  }
  client.close();
  await server.stop();
  const count = nodes.toLocaleString('en');
  return [
    row(`WriteNodes of ${count} nodes, ${EDGES.length} edges each`, 'ms', sampleOf(writes), { atMost: 500 }),
    row(`QueryNodes of ${count} nodes`, 'ms', sampleOf(queries), { atMost: 150 }),
    row('  longest small call beside it', 'ms', sampleOf(waits)),
  ];
}

function checksWithEdges(count: number) {
  return Array.from({ length: count }, (_, at) => ({
    id: `check-${at}`,
    state: CheckState.PLANNED,
    dependencies: {
      dependencies: EDGES.filter((distance) => distance <= at).map((distance) => ({
        targetType: NodeType.CHECK,
        targetId: `check-${at - distance}`,
      })),
    },
  }));
}

/** The longest of small calls that are made one after the other, over a connection of their own, while `work` runs. */
async function longestWaitBeside(address: string, id: string, work: () => Promise<unknown>): Promise<number> {
  const client = new BenchClient(address);
  const get = encode(getWorkPlan, { id });
  await client.raw(pathOf(getWorkPlan), get);
  let isRunning = true;
  let longest = 0;
  const running = work().finally(() => {
    isRunning = false;
  });
  while (isRunning) longest = Math.max(longest, await milliseconds(() => client.raw(pathOf(getWorkPlan), get)));
  await running;
  client.close();
  return longest;
}
