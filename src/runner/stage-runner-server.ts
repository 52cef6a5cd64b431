import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { ExecutionMode } from '../../gen/turboci/v1/common_pb.js';
import {
  type CancelRequest,
  type RunAsyncRequest,
  type RunRequest,
  type RunResponse,
  StageRunner,
} from '../../gen/turboci/v1/stagerunner_pb.js';
import { methodPath, type OrchestratorClient } from './client.ts';
import type { Clients } from './clients.ts';
import { completing } from './complete.ts';
import type { Execution } from './execution.ts';
import type { Deliver, Executions } from './executions.ts';
import type { Registrar } from './registrar.ts';
import type { RunnerSystem } from './system.ts';
import { taskOf } from './task.ts';
import { beatInterval } from './updates.ts';
import { settled } from './waiting.ts';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** How long the server may take to hang up when the runner stops. */
const CLOSE_MS = 1_000;
/** What Ping says of a runner without a limit: the greatest int32. */
const UNLIMITED = 2 ** 31 - 1;

export type StageRunnerServerDeps = {
  /** Of the server that the runner is registered with; takes the updates of SYNC executions. */
  readonly client: OrchestratorClient;
  readonly clients: Clients;
  readonly registrar: Registrar;
  readonly executions: Executions;
  readonly system: RunnerSystem;
  readonly runnerTypes: readonly string[];
  readonly modes: readonly ExecutionMode[];
  /** Where an ASYNC execution reports to, given the address that its request names. */
  readonly callbackAddress: (named: string) => string;
};

/** Serves the StageRunner service: the server calls, and the handlers are run. */
export class StageRunnerServer {
  readonly #deps: StageRunnerServerDeps;
  readonly #grpc = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  /** How many calls wait for the answer of a SYNC execution. */
  readonly #waiting = new Map<Execution, number>();

  constructor(deps: StageRunnerServerDeps) {
    this.#deps = deps;
    const { run, runAsync, ping, cancel } = StageRunner.method;
    serve(this.#grpc, run, (request, call) => this.#run(request, call));
    serve(this.#grpc, runAsync, (request) => this.#runAsync(request));
    serve(this.#grpc, ping, () => this.#ping());
    serve(this.#grpc, cancel, (request) => this.#cancel(request));
  }

  /** Resolves with the port (0 for a Unix socket) when calls are accepted. */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#grpc.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(address.startsWith('unix:') ? 0 : port) : reject(error),
      );
    });
  }

  /** Closes the port, and the connections once their calls have ended or a second has passed. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    await settled(this.#deps.system, closed, CLOSE_MS);
    this.#grpc.forceShutdown();
  }

  async #run(request: RunRequest, call: ServerUnaryCall<RunRequest, RunResponse>): Promise<RunResponse> {
    const { executions, system } = this.#deps;
    this.#requireMode(ExecutionMode.SYNC);
    const execution = executions.find(request.executionId) ?? this.#startSync(request, call);
    this.#waiting.set(execution, (this.#waiting.get(execution) ?? 0) + 1);
    const deadlineMs = Number(call.getDeadline());
    call.on('cancelled', () => {
      const left = (this.#waiting.get(execution) ?? 0) - 1;
      if (left > 0) this.#waiting.set(execution, left);
      else this.#waiting.delete(execution);
      if (left > 0) return;
      if (system.now() >= deadlineMs) execution.stop('DEADLINE', 'the attempt has run into its timeout');
      else execution.stop('LOST', 'the server has hung up');
    });
    const { response } = await execution.ended;
    if (execution.lost !== undefined) throw new Refusal(status.ABORTED, execution.lost.message);
    return response;
  }

  #startSync(request: RunRequest, call: ServerUnaryCall<RunRequest, RunResponse>): Execution {
    const { client, executions } = this.#deps;
    const task = taskOf(request, this.#onlyType);
    if (!executions.has(task.runnerType)) {
      throw new Refusal(status.UNIMPLEMENTED, `this runner does not run the type "${task.runnerType}"`);
    }
    if (executions.free < 1) throw new Refusal(status.RESOURCE_EXHAUSTED, 'this runner has no free slot');
    // The call's own deadline travels as a span: no clock has to agree with another.
    const callDeadline = Number(call.getDeadline());
    const deadlineMs = Number.isFinite(callDeadline) ? callDeadline : this.#localDeadline(task.deadline);
    const beatMs = beatInterval(task.heartbeatTimeoutMs);
    return executions.start(task, { client, deadlineMs, beatMs, beatAtOnce: false }, answering);
  }

  async #runAsync(request: RunAsyncRequest) {
    const { executions, clients, system, callbackAddress } = this.#deps;
    this.#requireMode(ExecutionMode.ASYNC);
    const accepted = { accepted: true, runnerExecutionId: request.executionId };
    if (executions.find(request.executionId) !== undefined) return accepted;
    const task = taskOf(request, this.#onlyType);
    if (!executions.has(task.runnerType) || executions.free < 1) return { accepted: false };
    const { client, release } = clients.lease(callbackAddress(request.callbackAddress));
    const deadlineMs = this.#localDeadline(task.deadline);
    const deliver = completing({ client, system, deadlineMs });
    const beatMs = beatInterval(task.heartbeatTimeoutMs);
    executions.start(task, { client, deadlineMs, beatMs, beatAtOnce: true }, (...given) =>
      deliver(...given).finally(release),
    );
    return accepted;
  }

  async #ping() {
    const { executions, modes } = this.#deps;
    const availableCapacity = Math.min(UNLIMITED, executions.free);
    return { runnerType: this.#onlyType, supportedModes: [...modes], availableCapacity };
  }

  async #cancel({ executionId, reason }: CancelRequest) {
    const execution = this.#deps.executions.find(executionId);
    execution?.stop('CANCELLED', reason === '' ? 'the stage was cancelled' : `the stage was cancelled: ${reason}`);
    return { accepted: execution !== undefined };
  }

  #requireMode(mode: ExecutionMode): void {
    if (this.#deps.modes.includes(mode)) return;
    throw new Refusal(status.UNIMPLEMENTED, `this runner does not take the mode ${ExecutionMode[mode]}`);
  }

  #localDeadline(deadline: Date | undefined): number | undefined {
    return deadline && this.#deps.registrar.localTime(deadline.getTime());
  }

  get #onlyType(): string {
    return this.#deps.runnerTypes[0] ?? '';
  }
}

/** The answer of a SYNC execution goes back with the call. */
const answering: Deliver = async ({ lost }) =>
  lost === undefined ? { kind: 'TAKEN' } : { kind: 'DISCARDED', error: lost };

/** How a call ends that is not answered. */
class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

function serve<I extends DescMessage, O extends DescMessage>(
  server: Server,
  method: DescMethodUnary<I, O>,
  answer: (
    request: MessageShape<I>,
    call: ServerUnaryCall<MessageShape<I>, MessageShape<O>>,
  ) => Promise<MessageInitShape<O>>,
): void {
  const handle: handleUnaryCall<MessageShape<I>, MessageShape<O>> = (call, callback) => {
    answer(call.request, call).then(
      (init) => callback(null, create(method.output, init)),
      (error: unknown) =>
        callback({
          code: error instanceof Refusal ? error.code : status.INTERNAL,
          details: error instanceof Error ? error.message : String(error),
        }),
    );
  };
  server.register(
    methodPath(method),
    handle,
    (message: MessageShape<O>) => Buffer.from(toBinary(method.output, message)),
    (bytes) => fromBinary(method.input, bytes),
    'unary',
  );
}
