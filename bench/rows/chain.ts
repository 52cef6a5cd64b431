import { NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { BenchClient } from '../bench-client.ts';
import { withServer } from '../bench-server.ts';
import { bareWriteMs } from '../limits/bare-writes.ts';
import { recordJournal } from '../limits/record-journal.ts';
import { milliseconds, repeated } from '../load.ts';
import { assertSucceeded } from '../remote-plan.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';

const { createWorkPlan, watchWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** Stages that each wait for the one before, executed in the server; watched to the end. */
export async function chain({ repetitions, chain: hops }: Scale): Promise<readonly Row[]> {
  const journal = await recordJournal((client) => runChain(client, hops));
  const rounds = await withServer(({ process, client }) =>
    repeated(repetitions, async () => {
      const cpuBefore = process.cpuMs();
      const ms = await runChain(client, hops);
      const cpuMs = process.cpuMs() - cpuBefore;
      return { perHop: ms / hops, cpuMs: cpuMs / hops, bare: (await bareWriteMs(journal, hops)) / hops };
    }),
  );
  return [
    costRow({
      work: `chain of ${hops}, builtin/noop`,
      unit: 'ms/hop',
      values: rounds.map(({ perHop }) => perHop),
      limits: { SQLite: rounds.map(({ bare }) => bare) },
      cpuMs: rounds.map(({ cpuMs }) => cpuMs),
      target: 1,
    }),
  ];
}

/** Milliseconds from the write of the chain to the word that all of it is done. */
async function runChain(client: BenchClient, hops: number): Promise<number> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  const watch = client.drain(watchWorkPlan, { workPlanId, endOnCompletion: true });
  await watch.opened;
  return milliseconds(async () => {
    await client.call(writeNodes, { workPlanId, stages: stagesInARow(hops), responseView: NodeView.BASIC });
    assertSucceeded(await watch.last);
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
