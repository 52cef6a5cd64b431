import { withRunner } from '../bench-server.ts';
import { bareWriteRate } from '../limits/bare-writes.ts';
import { load, repeated, SHORT_ROUND_WARM_UPS } from '../load.ts';
import { recordWithRunner, remoteStages, runPlan } from '../remote-plan.ts';
import { type Row, rateRow } from '../row.ts';
import type { Scale } from '../scale.ts';

const STAGES = 10;
const IN_FLIGHT = 64;

/** Small plans, many at a time, each from its creation to its end. */
export async function runnerPlans({ repetitions, plans }: Scale): Promise<readonly Row[]> {
  const stages = remoteStages(STAGES, 'CHAIN');
  const count = plans * STAGES;
  const journal = await recordWithRunner((client) => load(IN_FLIGHT, plans, () => runPlan(client, stages)));
  const rounds = await withRunner(({ process, client, runner }) =>
    repeated(
      repetitions,
      async () => {
        const cpuBefore = process.cpuMs();
        const { rate } = await load(IN_FLIGHT, plans, () => runPlan(client, stages));
        return {
          rate: rate * STAGES,
          cpuMs: (process.cpuMs() - cpuBefore) / count,
          echo: await runner.bareRate(count),
          bare: await bareWriteRate(journal, count, IN_FLIGHT),
        };
      },
      SHORT_ROUND_WARM_UPS,
    ),
  );
  return [
    rateRow({
      work: `${plans} plans of ${STAGES} sequential stages, ${IN_FLIGHT} plans in flight, SYNC runner`,
      unit: 'stages/s',
      values: rounds.map(({ rate }) => rate),
      limits: { echo: rounds.map(({ echo }) => echo), SQLite: rounds.map(({ bare }) => bare) },
      cpuMs: rounds.map(({ cpuMs }) => cpuMs),
      target: 2500,
    }),
  ];
}
