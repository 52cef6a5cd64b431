import { setTimeout as delay } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { TurboCIOrchestrator } from '../../../gen/turboci/v1/service_pb.js';
import {
  RunAsyncRequestSchema,
  RunAsyncResponseSchema,
  type RunRequest,
  StageRunner,
} from '../../../gen/turboci/v1/stagerunner_pb.js';
import { pathOf, TestClient } from '../../support/client.ts';
import type { RunnerOptions } from './options.ts';
import { Tally } from './tally.ts';

type Unary = handleUnaryCall<Buffer, Buffer>;
type Pull = NonNullable<RunnerOptions['pull']>;

const { acquireStageExecutions, completeStageExecution } = TurboCIOrchestrator.method;
const { run, runAsync, ping } = StageRunner.method;
/** Of RunResponse: the attempt is COMPLETE. */
const NOTHING = Buffer.alloc(0);
const ACCEPTED = Buffer.from(toBinary(RunAsyncResponseSchema, create(RunAsyncResponseSchema, { accepted: true })));

/** A runner that lets every execution succeed, counts, and does nothing else. */
export class CountingRunner {
  readonly tally = new Tally();
  readonly #ms: number;
  readonly #clients = new Map<string, TestClient>();

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Serves StageRunner on a free port; answers the address. */
  async serve(): Promise<string> {
    const server = new Server();
    server.register(pathOf(run), this.#run, same, same, 'unary');
    server.register(pathOf(runAsync), this.#runAsync, same, same, 'unary');
    server.register(pathOf(ping), answerNothing, same, same, 'unary');
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    return `127.0.0.1:${port}`;
  }

  /** Asks for work for ever, as one that knows what it has. */
  async pull({ orchestrator, runnerId, atOnce }: Pull): Promise<never> {
    const held = new Map<string, Promise<void>>();
    const wait = { seconds: 60n };
    for (;;) {
      if (held.size === atOnce) await Promise.race(held.values());
      const request = { runnerId, maxExecutions: atOnce - held.size, wait, heldExecutionIds: [...held.keys()] };
      const { executions } = await this.#client(orchestrator).call(acquireStageExecutions, request);
      for (const { executionId } of executions) {
        const work = this.#work(orchestrator, executionId).finally(() => held.delete(executionId));
        held.set(executionId, work);
      }
    }
  }

  readonly #run: Unary = (_call, answer) => {
    this.tally.begin();
    const end = (): void => {
      this.tally.end();
      answer(null, NOTHING);
    };
    if (this.#ms === 0) end();
    else setTimeout(end, this.#ms);
  };

  readonly #runAsync: Unary = ({ request }, answer) => {
    answer(null, ACCEPTED);
    const { callbackAddress, executionId } = fromBinary(RunAsyncRequestSchema, request);
    void this.#work(callbackAddress, executionId);
  };

  async #work(orchestrator: string, executionId: RunRequest['executionId']): Promise<void> {
    this.tally.begin();
    if (this.#ms > 0) await delay(this.#ms);
    // From here on the server may hand out the next one: it learns of the end before this runner learns that it did.
    this.tally.end();
    await this.#client(orchestrator).call(completeStageExecution, { executionId });
  }

  #client(address: string): TestClient {
    const client = this.#clients.get(address) ?? new TestClient(address);
    this.#clients.set(address, client);
    return client;
  }
}

const answerNothing: Unary = (_call, answer) => answer(null, NOTHING);

function same(bytes: Buffer): Buffer {
  return bytes;
}
