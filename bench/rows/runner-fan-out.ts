import { BenchClient } from '../bench-client.ts';
import { milliseconds } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { remoteStages, runPlan, startRunner } from '../remote-plan.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

/** Stages that wait for nothing, executed by one runner without a limit: from the write of the plan to its end. */
export async function runnerFanOut({ repetitions, fanOuts }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const runner = await startRunner(client);
  const rows: Row[] = [];
  for (const count of fanOuts) {
    const rates: number[] = [];
    const cpu: number[] = [];
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      const cpuBefore = server.cpuMs();
      const ms = await milliseconds(() => runPlan(client, remoteStages(count, 'FAN_OUT')));
      if (repetition === 0) continue;
      rates.push((count / ms) * 1000);
      cpu.push((server.cpuMs() - cpuBefore) / count);
    }
    const work = `fan-out of ${count.toLocaleString('en')} stages, one SYNC runner process, max_concurrent 0`;
    rows.push(row(work, 'stages/s', sampleOf(rates), { atLeast: 2500 }));
    rows.push(row("  the server's CPU time", 'ms/stage', sampleOf(cpu)));
  }
  client.close();
  await Promise.all([server.stop(), runner.stop()]);
  return rows;
}
