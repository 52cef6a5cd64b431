import { BenchClient } from '../bench-client.ts';
import { milliseconds } from '../load.ts';
import { ServingProcess } from '../processes.ts';
import { remoteStages, revisionsOf, runPlan, startRunner } from '../remote-plan.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';
import { commitMs } from './group-commit.ts';

/** Chains that are run before any is measured: a server is measured as it is after its first seconds. */
const WARM_UP = 10;

/** Stages that each wait for the one before, executed by a runner over gRPC; and what a commit costs by itself. */
export async function runnerChain({ repetitions, runnerChain: hops }: Scale): Promise<readonly Row[]> {
  const server = await ServingProcess.server();
  const client = new BenchClient(server.address);
  const runner = await startRunner(client);
  const perHop: number[] = [];
  const units: number[] = [];
  const cpu: number[] = [];
  const commits: number[] = [];
  for (let repetition = -WARM_UP; repetition < repetitions; repetition++) {
    let planId = '';
    const cpuBefore = server.cpuMs();
    const ms = await milliseconds(async () => {
      planId = await runPlan(client, remoteStages(hops, 'CHAIN'));
    });
    const cpuMs = server.cpuMs() - cpuBefore;
    const commit = commitMs(hops);
    if (repetition < 0) continue;
    perHop.push(ms / hops);
    cpu.push(cpuMs / hops);
    // But for the two that create the plan and write the stages.
    units.push(((await revisionsOf(client, planId)) - 2) / hops);
    commits.push(commit);
  }
  client.close();
  await Promise.all([server.stop(), runner.stop()]);
  return [
    row(`chain of ${hops} stages, SYNC runner over gRPC`, 'ms/hop', sampleOf(perHop), { atMost: 1.5 }),
    row('  units of work (commits, at most)', '/hop', sampleOf(units), { atMost: 2 }),
    row("  the server's CPU time", 'ms/hop', sampleOf(cpu)),
    row('  bare SQLite, a commit of one row', 'ms', sampleOf(commits)),
  ];
}
