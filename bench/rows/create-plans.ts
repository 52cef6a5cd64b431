import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { encode, pathOf } from '../bench-client.ts';
import type { Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import { type Throughput, throughputRows } from '../throughput.ts';

const { createWorkPlan } = TurboCIOrchestrator.method;

const creating: Throughput = {
  work: 'CreateWorkPlan, 64 in flight',
  path: pathOf(createWorkPlan),
  inFlight: 64,
  least: { rate: 8000, shareOfEcho: 0.55 },
  p99Most: 25,
  async requests(_client, calls) {
    return Array.from({ length: calls }, (_, index) =>
      encode(createWorkPlan, { metadata: { commit: `${index}`.padStart(40, '0'), branch: 'main' } }),
    );
  },
};

/** Plans that are created, with metadata as a CI has. */
export function createPlans(scale: Scale): Promise<readonly Row[]> {
  return throughputRows(creating, scale);
}
