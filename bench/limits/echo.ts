import { BenchClient } from '../bench-client.ts';
import { ServingProcess } from '../processes.ts';

const METHOD = '/bench.Echo/Echo';

/** What grpc-js by itself takes for calls of these sizes: a bare server in a process of its own, and a client of it. */
export class Echo {
  readonly #process: ServingProcess;
  readonly #client: BenchClient;

  private constructor(process: ServingProcess) {
    this.#process = process;
    this.#client = new BenchClient(process.address);
  }

  static async start(responseBytes: number): Promise<Echo> {
    return new Echo(await ServingProcess.echo(METHOD, responseBytes));
  }

  call(request: Buffer): Promise<Buffer> {
    return this.#client.raw(METHOD, request);
  }

  residentBytes(): number {
    return this.#process.residentBytes();
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#process.stop();
  }
}
