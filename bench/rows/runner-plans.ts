import { BenchClient } from '../bench-client.ts';
import { load } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { remoteStages, runPlan, startRunner } from '../remote-plan.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const STAGES = 10;
const IN_FLIGHT = 64;

/** Small plans, many at a time, each from its creation to its end. */
export async function runnerPlans({ repetitions, plans }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const runner = await startRunner(client);
  const stages = remoteStages(STAGES, 'CHAIN');
  const rates: number[] = [];
  const cpu: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const cpuBefore = server.cpuMs();
    const { rate } = await load(IN_FLIGHT, plans, () => runPlan(client, stages));
    if (repetition === 0) continue;
    rates.push(rate * STAGES);
    cpu.push((server.cpuMs() - cpuBefore) / (plans * STAGES));
  }
  client.close();
  await Promise.all([server.stop(), runner.stop()]);
  const work = `${plans} plans of ${STAGES} sequential stages, ${IN_FLIGHT} plans in flight, SYNC runner`;
  return [
    row(work, 'stages/s', sampleOf(rates), { atLeast: 2500 }),
    row("  the server's CPU time", 'ms/stage', sampleOf(cpu)),
  ];
}
