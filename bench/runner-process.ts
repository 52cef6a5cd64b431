import { ExecutionMode } from '../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../gen/turboci/v1/service_pb.js';
import { StageRunner } from '../gen/turboci/v1/stagerunner_pb.js';
import { BenchClient, pathOf } from './bench-client.ts';
import { load, milliseconds } from './load.ts';
import { ServingProcess } from './processes.ts';

/** What its stages name. */
export const RUNNER_TYPE = 'bench';

/** Calls that it is given at a time when it is measured by itself. */
const IN_FLIGHT = 64;

/**
 * A runner in a process of its own that is called and answers at once: an empty RunResponse says that the attempt is
 * COMPLETE. It is a bare grpc-js echo, so calling it without a server between shows what its calls take at least.
 */
export class RunnerProcess {
  readonly #process: ServingProcess;
  readonly #client: BenchClient;

  private constructor(process: ServingProcess) {
    this.#process = process;
    this.#client = new BenchClient(process.address);
  }

  static async start(): Promise<RunnerProcess> {
    return new RunnerProcess(await ServingProcess.echo(pathOf(StageRunner.method.run), 0));
  }

  /** Registers it, without a limit. */
  async register(server: BenchClient): Promise<void> {
    await server.call(TurboCIOrchestrator.method.registerStageRunner, {
      runnerId: 'bench',
      runnerType: RUNNER_TYPE,
      address: this.#process.address,
      supportedModes: [ExecutionMode.SYNC],
    });
  }

  /** Calls a second, of the bytes that the server sent last. */
  async bareRate(calls: number): Promise<number> {
    const request = await this.#lastRequest();
    const { rate } = await load(IN_FLIGHT, calls, () => this.#run(request));
    return rate;
  }

  /** Milliseconds of such a call, one after the other: the mean of so many. */
  async bareRoundTripMs(calls: number): Promise<number> {
    const request = await this.#lastRequest();
    const ms = await milliseconds(async () => {
      for (let made = 0; made < calls; made++) await this.#run(request);
    });
    return ms / calls;
  }

  residentBytes(): number {
    return this.#process.residentBytes();
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#process.stop();
  }

  #run(request: Buffer): Promise<Buffer> {
    return this.#client.raw(pathOf(StageRunner.method.run), request);
  }

  #lastRequest(): Promise<Buffer> {
    return this.#client.raw('/bench.Echo/LastRequest', Buffer.alloc(0));
  }
}
