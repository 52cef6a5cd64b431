import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { encode, pathOf } from '../bench-client.ts';
import type { Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import { type Throughput, throughputRows } from '../throughput.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

const writing: Throughput = {
  work: 'small WriteNodes (1 check + 1 stage), 32 in flight',
  path: pathOf(writeNodes),
  inFlight: 32,
  least: { rate: 4000 },
  p99Most: 30,
  async requests(client, calls) {
    const { workPlan } = await client.call(createWorkPlan, {});
    const workPlanId = workPlan?.id ?? '';
    return Array.from({ length: calls }, (_, index) =>
      encode(writeNodes, { workPlanId, checks: [{ id: `check-${index}` }], stages: [{ id: `stage-${index}` }] }),
    );
  },
};

/** Writes that each add two nodes to one plan. */
export function smallWrites(scale: Scale): Promise<readonly Row[]> {
  return throughputRows(writing, scale);
}
