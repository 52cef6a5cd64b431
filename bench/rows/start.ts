import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient } from '../bench-client.ts';
import { ServingProcess, serverEntries } from '../processes.ts';
import { type Row, row, type Scale } from '../row.ts';
import { sampleOf } from '../statistics.ts';

const MIB = 1024 * 1024;

/** From the start of the process, on a new file, to the first answer; and what it then takes of memory. */
export async function start({ repetitions }: Scale): Promise<readonly Row[]> {
  const source = await startRows('from source', serverEntries.source, repetitions, { ms: 900 });
  if (serverEntries.built === undefined) return source;
  return [...source, ...(await startRows('from dist/', serverEntries.built, repetitions, { ms: 500, mib: 130 }))];
}

async function startRows(
  kind: string,
  entry: string,
  repetitions: number,
  most: { readonly ms: number; readonly mib?: number },
): Promise<readonly Row[]> {
  const times: number[] = [];
  const memory: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const startedAt = performance.now();
    const server = await ServingProcess.server(entry);
    const client = new BenchClient(server.address);
    await client.call(TurboCIOrchestrator.method.listWorkPlans, {});
    times.push(performance.now() - startedAt);
    memory.push(server.residentBytes() / MIB);
    client.close();
    await server.stop();
  }
  return [
    row(`process start to first answer, ${kind}`, 'ms', sampleOf(times), { atMost: most.ms }),
    row('  resident then', 'MiB', sampleOf(memory), most.mib === undefined ? undefined : { atMost: most.mib }),
  ];
}
