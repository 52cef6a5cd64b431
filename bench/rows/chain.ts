import { NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient } from '../bench-client.ts';
import { milliseconds } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const { createWorkPlan, watchWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** Stages that each wait for the one before, executed in the server; watched to the end. */
export async function chain({ repetitions, chain: hops }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const perHop: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const ms = await runChain(client, hops);
    if (repetition > 0) perHop.push(ms / hops);
  }
  client.close();
  await server.stop();
  return [row(`chain of ${hops}, builtin/noop`, 'ms/hop', sampleOf(perHop), { atMost: 1 })];
}

/** Milliseconds from the write of the chain to the word that all of it is done. */
async function runChain(client: BenchClient, hops: number): Promise<number> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const watch = client.drain(watchWorkPlan, { workPlanId, endOnCompletion: true });
  await watch.opened;
  return milliseconds(async () => {
    await client.call(writeNodes, { workPlanId, stages: stagesInARow(hops), responseView: NodeView.BASIC });
    await watch.ended;
  });
}

function stagesInARow(count: number) {
  return Array.from({ length: count }, (_, at) => ({
    id: `stage-${at}`,
    runnerType: 'builtin/noop',
    dependencies: {
      dependencies: at === 0 ? [] : [{ targetType: NodeType.STAGE, targetId: `stage-${at - 1}` }],
    },
  }));
}
