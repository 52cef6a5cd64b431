import { CheckState, NodeType, NodeView } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { BenchClient } from '../bench-client.ts';
import { withRunner } from '../bench-server.ts';
import { milliseconds, repeated, SHORT_ROUND_WARM_UPS } from '../load.ts';
import { remoteStages, runPlan } from '../remote-plan.ts';
import { type Row, rateRow } from '../row.ts';
import type { Scale } from '../scale.ts';
import { quotients } from '../statistics.ts';

const { createWorkPlan, writeNodes } = TurboCIOrchestrator.method;

/** Most stages of one write. */
const STAGES_PER_WRITE = 5000;

/**
 * A fan-out on a server where many stages of other plans wait for checks that do not end, and by turns the same on one
 * where nothing waits.
 */
export async function backlog({ repetitions, backlog: { plans, stages, ready } }: Scale): Promise<readonly Row[]> {
  const rounds = await withRunner((full) =>
    withRunner(async (empty) => {
      for (let plan = 0; plan < plans; plan++) await addBlocked(full.client, stages);
      const running = remoteStages(ready, 'FAN_OUT');
      const round = async () => {
        const emptyMs = await milliseconds(() => runPlan(empty.client, running));
        const cpuBefore = full.process.cpuMs();
        const ms = await milliseconds(() => runPlan(full.client, running));
        return {
          rate: (ready / ms) * 1000,
          cpuMs: (full.process.cpuMs() - cpuBefore) / ready,
          without: (ready / emptyMs) * 1000,
        };
      };
      return repeated(repetitions, round, SHORT_ROUND_WARM_UPS);
    }),
  );
  const blocked = (plans * stages).toLocaleString('en');
  const work = `fan-out of ${ready.toLocaleString('en')} stages beside ${blocked} blocked ones`;
  const rates = rounds.map(({ rate }) => rate);
  const without = rounds.map((round) => round.without);
  return [
    rateRow({
      work,
      unit: 'stages/s',
      values: rates,
      limits: { 'the same without them': without },
      cpuMs: rounds.map(({ cpuMs }) => cpuMs),
    }),
    rateRow({
      work,
      part: 'share of the rate without them',
      unit: '×',
      values: quotients(rates, without),
      target: 0.8,
    }),
  ];
}

/** A plan whose stages, of the type that the runner executes, wait for a check which nobody ends. */
async function addBlocked(client: BenchClient, count: number): Promise<void> {
  const { workPlan } = await client.call(createWorkPlan, {});
  const workPlanId = workPlan?.id ?? '';
  await client.call(writeNodes, { workPlanId, checks: [{ id: 'gate', state: CheckState.PLANNED }] });
  const dependencies = [{ targetType: NodeType.CHECK, targetId: 'gate' }];
  const stages = remoteStages(count, 'FAN_OUT').map((stage) => ({ ...stage, dependencies: { dependencies } }));
  for (let from = 0; from < count; from += STAGES_PER_WRITE) {
    const some = stages.slice(from, from + STAGES_PER_WRITE);
    await client.call(writeNodes, { workPlanId, stages: some, responseView: NodeView.BASIC });
  }
}
