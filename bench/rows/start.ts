import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { BenchClient } from '../bench-client.ts';
import { Echo } from '../limits/echo.ts';
import { repeated } from '../load.ts';
import { ServingProcess, serverEntries } from '../processes.ts';
import { costRow, type Row } from '../row.ts';
import type { Scale } from '../scale.ts';

const MIB = 1024 * 1024;

/** From the start of the process, on a new file, to the first answer; and what it then takes of memory. */
export async function start({ repetitions }: Scale): Promise<readonly Row[]> {
  const { source, built } = serverEntries;
  return [
    ...(built === undefined ? [] : await startRows('from dist/', built, repetitions, { ms: 500, mib: 130 })),
    ...(await startRows('from source', source, repetitions, { ms: 900 })),
  ];
}

async function startRows(
  kind: string,
  entry: string,
  repetitions: number,
  most: { readonly ms: number; readonly mib?: number },
): Promise<readonly Row[]> {
  // Each process is new, so there is nothing to warm up.
  const both = async () => ({ own: await startServer(entry), echo: await startEcho() });
  const rounds = await repeated(repetitions, both, 0);
  return [
    costRow({
      work: `process start to first answered RPC, ${kind}`,
      unit: 'ms',
      values: rounds.map(({ own }) => own.ms),
      limits: { 'echo process': rounds.map(({ echo }) => echo.ms) },
      target: most.ms,
    }),
    costRow({
      work: `RSS idle, ${kind}`,
      unit: 'MiB',
      values: rounds.map(({ own }) => own.mib),
      limits: { 'echo process': rounds.map(({ echo }) => echo.mib) },
      target: most.mib,
    }),
  ];
}

async function startServer(entry: string) {
  const startedAt = performance.now();
  const server = await ServingProcess.server({ entry });
  const client = new BenchClient(server.address);
  await client.call(TurboCIOrchestrator.method.listWorkPlans, {});
  const ms = performance.now() - startedAt;
  const mib = server.residentBytes() / MIB;
  client.close();
  await server.stop();
  return { ms, mib };
}

async function startEcho() {
  const startedAt = performance.now();
  const echo = await Echo.start(0);
  await echo.call(Buffer.alloc(0));
  const ms = performance.now() - startedAt;
  const mib = echo.residentBytes() / MIB;
  await echo.stop();
  return { ms, mib };
}
