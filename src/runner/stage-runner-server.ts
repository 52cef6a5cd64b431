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
import { Listener } from './listener.ts';
import type { Registrar } from './registrar.ts';
import type { RunnerSystem } from './system.ts';
import { type Task, taskOf } from './task.ts';
import { beatInterval } from './updates.ts';
import { settled } from './waiting.ts';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/**
 * How long an execution may wait for a slot before it is declined. Several types share the slots, so the server may well
 * offer more than there are; who declines is spared for longer and longer, while other types take every slot at once.
 */
const LONGEST_WAIT_MS = 10_000;
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
  readonly #connections = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
  readonly #listener = new Listener((socket) => this.#connections.injectConnection(socket));
  /** What waits for a slot, by execution. */
  readonly #queued = new Map<string, Queued>();
  /** How many calls wait for the answer of a SYNC execution. */
  readonly #waiting = new Map<Execution, number>();

  constructor(deps: StageRunnerServerDeps) {
    this.#deps = deps;
    const { run, runAsync, ping, cancel } = StageRunner.method;
    serve(this.#grpc, run, (request, call) => this.#run(request, call));
    serve(this.#grpc, runAsync, (request, call) => this.#runAsync(request, call));
    serve(this.#grpc, ping, () => this.#ping());
    serve(this.#grpc, cancel, (request) => this.#cancel(request));
  }

  /** Resolves with the port (0 for a Unix socket) when calls are accepted; rejects with Node's error if not. */
  listen(address: string): Promise<number> {
    return this.#listener.listen(address);
  }

  /** Closes the port, and the connections once their calls have ended or a second has passed. */
  async stop(): Promise<void> {
    this.#listener.close();
    const closed = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    await settled(this.#deps.system, closed, CLOSE_MS);
    this.#grpc.forceShutdown();
  }

  async #run(request: RunRequest, call: ServerUnaryCall<RunRequest, RunResponse>): Promise<RunResponse> {
    const { executions, system } = this.#deps;
    this.#requireMode(ExecutionMode.SYNC);
    const task = taskOf(request, this.#onlyType);
    if (!executions.has(task.runnerType)) {
      throw new Refusal(status.UNIMPLEMENTED, `this runner does not run the type "${task.runnerType}"`);
    }
    // The call's own deadline travels as a span: no clock has to agree with another.
    const callDeadline = Number(call.getDeadline()) - system.wallTime() + system.now();
    const deadlineMs = Number.isFinite(callDeadline) ? callDeadline : this.#localDeadline(task.deadline);
    const execution = await this.#begun(task, call, () => this.#startSync(task, deadlineMs));
    if (execution === undefined) throw new Refusal(status.RESOURCE_EXHAUSTED, 'this runner has no free slot');
    this.#waiting.set(execution, (this.#waiting.get(execution) ?? 0) + 1);
    call.on('cancelled', () => {
      const left = (this.#waiting.get(execution) ?? 0) - 1;
      if (left > 0) this.#waiting.set(execution, left);
      else this.#waiting.delete(execution);
      if (left > 0) return;
      if (system.now() >= callDeadline) execution.stop('DEADLINE', 'the attempt has run into its timeout');
      else execution.stop('LOST', 'the server has hung up');
    });
    const { response } = await execution.ended;
    if (execution.lost !== undefined) throw new Refusal(status.ABORTED, execution.lost.message);
    return response;
  }

  #startSync(task: Task, deadlineMs: number | undefined): Execution {
    const { client, executions } = this.#deps;
    const beatMs = beatInterval(task.heartbeatTimeoutMs);
    return executions.start(task, { client, deadlineMs, beatMs, announce: 'NEVER' }, answering);
  }

  async #runAsync(request: RunAsyncRequest, call: Call) {
    this.#requireMode(ExecutionMode.ASYNC);
    const task = taskOf(request, this.#onlyType);
    if (!this.#deps.executions.has(task.runnerType)) return { accepted: false };
    const execution = await this.#begun(task, call, () => this.#startAsync(task, request.callbackAddress));
    if (execution === undefined) return { accepted: false };
    return { accepted: true, runnerExecutionId: task.executionId };
  }

  #startAsync(task: Task, named: string): Execution {
    const { executions, clients, system, callbackAddress } = this.#deps;
    const { client, release } = clients.lease(callbackAddress(named));
    const deadlineMs = this.#localDeadline(task.deadline);
    const deliver = completing({ client, system, deadlineMs });
    const beatMs = beatInterval(task.heartbeatTimeoutMs);
    return executions.start(task, { client, deadlineMs, beatMs, announce: 'AFTER' }, (...given) =>
      deliver(...given).finally(release),
    );
  }

  /**
   * The execution of a task: the one that there is already, or a new one as soon as it has a slot. Undefined if it had none
   * for long, or the server does not want it any more.
   */
  #begun(task: Task, call: Call, start: () => Execution): Promise<Execution | undefined> {
    const execution = this.#deps.executions.find(task.executionId);
    if (execution !== undefined) return Promise.resolve(execution);
    const queued = this.#queued.get(task.executionId) ?? this.#queue(task, start);
    call.on('cancelled', () => queued.giveUp.abort());
    return queued.begun;
  }

  #queue(task: Task, start: () => Execution): Queued {
    const { executions, system } = this.#deps;
    const giveUp = new AbortController();
    const cancelTimer = system.after(this.#longestWait(task), () => giveUp.abort());
    const begun = executions.whenFree(start, giveUp.signal).finally(() => {
      cancelTimer();
      this.#queued.delete(task.executionId);
    });
    const queued = { begun, giveUp };
    this.#queued.set(task.executionId, queued);
    return queued;
  }

  /** Declined in time, an execution costs no attempt: the wait ends well before a beat is missed or the deadline passes. */
  #longestWait({ deadline, heartbeatTimeoutMs }: Task): number {
    const leftMs = (this.#localDeadline(deadline) ?? Number.POSITIVE_INFINITY) - this.#deps.system.now();
    return Math.min(LONGEST_WAIT_MS, beatInterval(heartbeatTimeoutMs) ?? LONGEST_WAIT_MS, leftMs / 3);
  }

  async #ping() {
    const { executions, modes } = this.#deps;
    const availableCapacity = Math.min(UNLIMITED, executions.free);
    return { runnerType: this.#onlyType, supportedModes: [...modes], availableCapacity };
  }

  async #cancel({ executionId, reason }: CancelRequest) {
    const execution = this.#deps.executions.find(executionId);
    const queued = this.#queued.get(executionId);
    queued?.giveUp.abort();
    execution?.stop('CANCELLED', reason === '' ? 'the stage was cancelled' : `the stage was cancelled: ${reason}`);
    return { accepted: execution !== undefined || queued !== undefined };
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

/** An execution that waits for a slot. */
type Queued = { readonly begun: Promise<Execution | undefined>; readonly giveUp: AbortController };

/** Of a call, what tells that nobody waits for its answer any more. */
type Call = { on(event: 'cancelled', listener: () => void): unknown };

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
