import { BenchClient } from './bench-client.ts';
import { type ServerStart, ServingProcess } from './processes.ts';
import { RunnerProcess } from './runner-process.ts';

/** A server in a process of its own, and a client of it. */
export type BenchServer = { readonly process: ServingProcess; readonly client: BenchClient };

/** Has a new server for as long as something takes. */
export async function withServer<T>(work: (server: BenchServer) => Promise<T>, start: ServerStart = {}): Promise<T> {
  const process = await ServingProcess.server(start);
  const client = new BenchClient(process.address);
  try {
    return await work({ process, client });
  } finally {
    client.close();
    await process.stop();
  }
}

/** The same with a runner that is registered. */
export async function withRunner<T>(
  work: (server: BenchServer & { readonly runner: RunnerProcess }) => Promise<T>,
  start: ServerStart = {},
): Promise<T> {
  const runner = await RunnerProcess.start();
  try {
    return await withServer(async (server) => {
      await runner.register(server.client);
      return work({ ...server, runner });
    }, start);
  } finally {
    await runner.stop();
  }
}
