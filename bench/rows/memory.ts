import { BenchClient } from '../bench-client.ts';
import { ServingProcess, serverEntries } from '../processes.ts';
import { remoteStages, runPlan, startRunner } from '../remote-plan.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const MIB = 1024 * 1024;
const ROUNDS = 3;
const STAGES = 1000;

/** What the server takes of memory after repeated fan-outs, and whether that grows; of the build, if there is one. */
export async function memory({ repetitions }: Scale): Promise<readonly Row[]> {
  const { built } = serverEntries;
  const after: number[] = [];
  const growth: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const rounds = await residentAfterRounds(built ?? serverEntries.source);
    const [first = Number.NaN] = rounds;
    const last = rounds.at(-1) ?? Number.NaN;
    after.push(last / MIB);
    growth.push(last / first);
  }
  const work = `RSS after ${ROUNDS} × ${STAGES.toLocaleString('en')} stages`;
  return [
    built === undefined
      ? row(`${work}, from source`, 'MiB', sampleOf(after))
      : row(`${work}, from dist/`, 'MiB', sampleOf(after), { atMost: 200 }),
    row('  third round to the first', '×', sampleOf(growth), { atMost: 1.1 }),
  ];
}

/** Bytes after each round. */
async function residentAfterRounds(entry: string): Promise<readonly number[]> {
  const server = await ServingProcess.server(entry);
  const client = new BenchClient(server.address);
  const runner = await startRunner(client);
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await runPlan(client, remoteStages(STAGES, 'FAN_OUT'));
    bytes.push(server.residentBytes());
  }
  client.close();
  await Promise.all([server.stop(), runner.stop()]);
  return bytes;
}
