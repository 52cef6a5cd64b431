import { CheckState, NodeType, NodeView } from '../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../gen/turboci/v1/service_pb.js';
import { type BenchClient, encode } from './bench-client.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** How far back the nodes are that a node of a large write waits for. */
export const EDGES = [1, 10, 100] as const;

/** Creates a plan; answers its id, and the bytes of a write that fills it with so many checks. */
export async function prepareLargeWrite(client: BenchClient, nodes: number) {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const write = encode(writeNodes, { workPlanId, checks: checksWithEdges(nodes), responseView: NodeView.BASIC });
  return { workPlanId, write };
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
