import { withRunner } from '../bench-server.ts';
import { repeated } from '../load.ts';
import { serverEntries } from '../processes.ts';
import { remoteStages, runPlan } from '../remote-plan.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';
import { quotients } from '../statistics.ts';

const MIB = 1024 * 1024;
const ROUNDS = 3;

/** What the server takes of memory after repeated fan-outs, and whether that grows; of the build, if there is one. */
export async function memory({ repetitions, memoryStages }: Scale): Promise<readonly Row[]> {
  const { source, built } = serverEntries;
  // Each server is new, so there is nothing to warm up.
  const servers = await repeated(repetitions, () => residentAfterRounds(built ?? source, memoryStages), 0);
  const kind = built === undefined ? 'from source' : 'from dist/';
  const work = `RSS after ${ROUNDS} × ${memoryStages.toLocaleString('en')} stages, ${kind}`;
  const first = servers.map(({ mib }) => mib[0] ?? Number.NaN);
  const last = servers.map(({ mib }) => mib.at(-1) ?? Number.NaN);
  return [
    costRow({
      work,
      unit: 'MiB',
      values: last,
      limits: { 'the runner': servers.map(({ runnerMib }) => runnerMib) },
      target: built === undefined ? undefined : 200,
    }),
    costRow({ work, part: 'third round to the first', unit: '×', values: quotients(last, first), target: 1.1 }),
  ];
}

/** Of the server after each round, and of the runner, a bare process that answered the same calls, after the last. */
function residentAfterRounds(entry: string, stages: number) {
  return withRunner(
    async ({ process, client, runner }) => {
      const mib: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await runPlan(client, remoteStages(stages, 'FAN_OUT'));
        mib.push(process.residentBytes() / MIB);
      }
      return { mib, runnerMib: runner.residentBytes() / MIB };
    },
    { entry },
  );
}
