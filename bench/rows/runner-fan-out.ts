import { withRunner } from '../bench-server.ts';
import { bareWriteRate } from '../limits/bare-writes.ts';
import { milliseconds, repeated, SHORT_ROUND_WARM_UPS } from '../load.ts';
import { recordWithRunner, remoteStages, runPlan } from '../remote-plan.ts';
import { type Row, rateRow } from '../row.ts';
import type { Scale } from '../scale.ts';

/** Attempts whose rows the bare program writes in one commit. */
const PER_COMMIT = 64;

/** Stages that wait for nothing, executed by one runner without a limit: from the creation of the plan to its end. */
export function runnerFanOut({ repetitions, fanOuts }: Scale): Promise<readonly Row[]> {
  return withRunner(async ({ process, client, runner }) => {
    // The rows of an attempt are the same however many there are.
    const recorded = Math.min(...fanOuts);
    const journal = await recordWithRunner((client) => runPlan(client, remoteStages(recorded, 'FAN_OUT')));
    const rows: Row[] = [];
    for (const count of fanOuts) {
      const stages = remoteStages(count, 'FAN_OUT');
      const round = async () => {
        const cpuBefore = process.cpuMs();
        const ms = await milliseconds(() => runPlan(client, stages));
        return {
          rate: (count / ms) * 1000,
          cpuMs: (process.cpuMs() - cpuBefore) / count,
          echo: await runner.bareRate(count),
          bare: await bareWriteRate(journal, recorded, PER_COMMIT),
        };
      };
      const rounds = await repeated(repetitions, round, SHORT_ROUND_WARM_UPS);
      const measured = {
        work: `fan-out of ${count.toLocaleString('en')} stages, one SYNC runner process, max_concurrent 0`,
        unit: 'stages/s',
        values: rounds.map(({ rate }) => rate),
        limits: { echo: rounds.map(({ echo }) => echo), SQLite: rounds.map(({ bare }) => bare) },
        cpuMs: rounds.map(({ cpuMs }) => cpuMs),
        target: 2500,
      };
      rows.push(rateRow(measured));
    }
    return rows;
  });
}
