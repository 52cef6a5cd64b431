import { withRunner } from '../bench-server.ts';
import { bareWriteMs } from '../limits/bare-writes.ts';
import { countFsyncs } from '../limits/fsyncs.ts';
import { milliseconds, repeated } from '../load.ts';
import { recordWithRunner, remoteStages, runPlan } from '../remote-plan.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';

/** Commits of a chain that are no hop's: those that create the plan and write the stages. */
const COMMITS_BEFORE = 2;

/** Stages that each wait for the one before, executed by a runner over gRPC. */
export async function runnerChain({ repetitions, runnerChain: hops, warmUpChains }: Scale): Promise<readonly Row[]> {
  const stages = remoteStages(hops, 'CHAIN');
  const journal = await recordWithRunner((client) => runPlan(client, stages));
  const rounds = await withRunner(({ process, client, runner }) => {
    const measure = async () => {
      const cpuBefore = process.cpuMs();
      let ms = 0;
      const fsyncs = await countFsyncs(process.databasePath, async () => {
        ms = await milliseconds(() => runPlan(client, stages));
      });
      return {
        perHop: ms / hops,
        cpuMs: (process.cpuMs() - cpuBefore) / hops,
        commits: (fsyncs.commits - COMMITS_BEFORE) / hops,
        fsyncs: (fsyncs.all - COMMITS_BEFORE) / hops,
        echo: await runner.bareRoundTripMs(hops),
        bare: (await bareWriteMs(journal, hops)) / hops,
      };
    };
    return repeated(repetitions, measure, warmUpChains);
  });
  const work = `chain of ${hops} stages, SYNC runner over gRPC`;
  return [
    costRow({
      work,
      unit: 'ms/hop',
      values: rounds.map(({ perHop }) => perHop),
      limits: { echo: rounds.map(({ echo }) => echo), SQLite: rounds.map(({ bare }) => bare) },
      cpuMs: rounds.map(({ cpuMs }) => cpuMs),
      target: 1.5,
    }),
    costRow({
      work,
      part: 'commits, an fsync each',
      unit: '/hop',
      values: rounds.map(({ commits }) => commits),
      target: 2,
    }),
    costRow({ work, part: 'fsyncs, with checkpoints', unit: '/hop', values: rounds.map(({ fsyncs }) => fsyncs) }),
  ];
}
