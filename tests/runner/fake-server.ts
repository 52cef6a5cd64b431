import {
  create,
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { type RegisterStageRunnerRequest, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { RunRequest } from '../../gen/turboci/v1/stagerunner_pb.js';
import { pathOf, TestClient } from '../support/client.ts';
import { waitFor } from '../support/wait-for.ts';

const { method: orchestrator } = TurboCIOrchestrator;

/** The calls that a runner makes, by their names in the contract. */
const methods = {
  register: orchestrator.registerStageRunner,
  unregister: orchestrator.unregisterStageRunner,
  update: orchestrator.updateStageExecution,
  complete: orchestrator.completeStageExecution,
  acquire: orchestrator.acquireStageExecutions,
  writeNodes: orchestrator.writeNodes,
} as const;

type Name = keyof typeof methods;
type Request<N extends Name> = MessageShape<(typeof methods)[N]['input']>;
type Response<N extends Name> = MessageInitShape<(typeof methods)[N]['output']>;

/** What the server answers; a Refusal refuses, a promise answers later, for as long as the call is open. */
export type Script = { [N in Name]: (request: Request<N>, signal: AbortSignal) => Response<N> | Promise<Response<N>> };

/** Thrown by a script: the call ends with this status. */
export class Refusal extends Error {
  readonly code: status;

  constructor(code: keyof typeof status, message = `refused: ${code}`) {
    super(message);
    this.code = status[code];
  }
}

/** A promise that never settles: the call stays open until somebody cuts it. */
export const never = new Promise<never>(() => {});

/** The orchestrator as a runner sees it, on a real port, with answers that a test scripts. */
export class FakeServer {
  readonly script: Script;
  /** Every request that came, in order. */
  readonly calls: { readonly name: Name; readonly request: unknown }[] = [];
  /** Executions that the next Acquire hands out. */
  readonly work: ExecutionFields[] = [];
  #wakeAcquire = new AbortController();
  #server: Server | undefined;
  #port = 0;

  constructor(script: Partial<Script> = {}) {
    this.script = {
      register: (request) => this.registered(request),
      unregister: () => ({}),
      update: () => ({}),
      complete: () => ({ acknowledged: true }),
      acquire: async ({ maxExecutions }, signal) => {
        while (this.work.length === 0 && !signal.aborted) {
          await new Promise((resolve) =>
            AbortSignal.any([signal, this.#wakeAcquire.signal]).addEventListener('abort', resolve),
          );
        }
        return { executions: signal.aborted ? [] : this.work.splice(0, maxExecutions) };
      },
      writeNodes: () => ({ revision: 2n }),
      ...script,
    };
    onTestFinished(() => this.kill());
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** The usual answer to a registration, from a server whose clock is so far ahead. */
  registered({ ttlSeconds, runnerType }: RegisterStageRunnerRequest, aheadMs = 0): Response<'register'> {
    const expiresAt = timestampFromMs(Date.now() + aheadMs + Number(ttlSeconds) * 1000);
    return { registrationId: `${runnerType}-${this.requests('register').length}`, expiresAt };
  }

  /** Hands executions out to whoever asks. */
  offer(...executions: readonly ExecutionFields[]): void {
    this.work.push(...executions);
    this.#wakeAcquire.abort();
    this.#wakeAcquire = new AbortController();
  }

  /** Serves, always on the port of the first time. */
  async start(): Promise<this> {
    const server = new Server();
    for (const [name, method] of Object.entries(methods)) this.#serve(server, name as Name, method as DescMethodUnary);
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#server = server;
    return this;
  }

  /** Cuts every call and connection, as the end of a process does. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  requests<N extends Name>(name: N): readonly Request<N>[] {
    return this.calls.flatMap((call) => (call.name === name ? [call.request as Request<N>] : []));
  }

  /** The requests of a method, once there are so many. */
  async received<N extends Name>(name: N, count = 1): Promise<readonly Request<N>[]> {
    return waitFor(`${count} × ${name}`, () => {
      const requests = this.requests(name);
      return requests.length >= count && requests;
    });
  }

  #serve(server: Server, name: Name, method: DescMethodUnary): void {
    const handle: handleUnaryCall<Message, Message> = (call, callback) => {
      this.calls.push({ name, request: call.request });
      const cut = new AbortController();
      call.on('cancelled', () => cut.abort());
      const answer = this.script[name] as (request: unknown, signal: AbortSignal) => Record<string, unknown>;
      Promise.resolve()
        .then(() => answer(call.request, cut.signal))
        .then(
          (init) => callback(null, create(method.output, init)),
          (error: unknown) => {
            const code = error instanceof Refusal ? error.code : status.UNKNOWN;
            callback({ code, details: error instanceof Error ? error.message : String(error) });
          },
        );
    };
    server.register(
      pathOf(method),
      handle,
      (message: Message) => Buffer.from(toBinary(method.output, message)),
      (bytes) => fromBinary(method.input, bytes),
      'unary',
    );
  }
}

/** The fields that both kinds of requests to execute have. */
export type ExecutionFields = Omit<RunRequest, '$typeName' | '$unknown'>;

/** A request to execute, of the runner type `t` unless it says otherwise. */
export function execution(executionId: string, over: Partial<ExecutionFields> = {}): ExecutionFields {
  return {
    executionId,
    workPlanId: 'plan',
    stageId: `stage-${executionId}`,
    attemptIdx: 1,
    runnerType: 't',
    assignedCheckIds: [],
    checkOptions: [],
    args: {},
    metadata: {},
    deadline: timestampFromMs(Date.now() + 60_000),
    ...over,
  };
}

/** A client of a runner's own service; closed after the test. */
export function caller(address: string): TestClient {
  const client = new TestClient(address);
  onTestFinished(() => client.close());
  return client;
}
