import type { DescMessage, DescMethodUnary, MessageShape } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import { StageRunner } from '../../../gen/turboci/v1/stagerunner_pb.js';
import { AppError } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock } from '../../domain/ports.ts';
import {
  type AcceptOutcome,
  type CallFailure,
  type CancelOutcome,
  type RunnerCalls,
  type RunnerTask,
  type RunOutcome,
  runOutcomeReader,
} from '../../endpoint/runner-calls.ts';
import { decodeAnswer } from '../codec/execution.ts';
import { encodeRunAsyncRequest, encodeRunRequest } from '../codec/runner-task.ts';
import { methodPath } from '../method.ts';
import { parseMessage } from '../parse-message.ts';
import type { FailedCall } from './call-verdict.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { UnaryRequest } from './unary-call.ts';

/** How long a runner has to answer what takes no work. */
const QUICK_ANSWER_MS = 5000;

export type GrpcRunnerCallsDeps = {
  /** Where runners report to; asked for each call, since it is known only once the server listens. */
  readonly callbackAddress: () => string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Logger;
};

type Answered<O extends DescMessage> = { readonly kind: 'ANSWERED'; readonly message: MessageShape<O> };
type CallOptions = Pick<UnaryRequest, 'deadline'> & Partial<Pick<UnaryRequest, 'signal' | 'onSent'>>;

/**
 * Calls to the StageRunner services of runners. Cancel and Ping have connections of their own: however many calls a runner
 * takes at a time, it can be asked to stop one while it has so many.
 */
export class GrpcRunnerCalls implements RunnerCalls {
  readonly #deps: GrpcRunnerCallsDeps;
  readonly #work: ConnectionPool;
  readonly #control: ConnectionPool;
  readonly #outcomeOf: (answer: unknown) => RunOutcome;

  constructor(deps: GrpcRunnerCallsDeps) {
    this.#deps = deps;
    this.#work = new ConnectionPool(deps.limits.messageBytes, deps.clock);
    this.#control = new ConnectionPool(deps.limits.messageBytes, deps.clock);
    this.#outcomeOf = runOutcomeReader(deps.limits);
  }

  async run(
    address: string,
    task: RunnerTask,
    options: { readonly signal: AbortSignal; readonly onSent: () => void },
  ): Promise<RunOutcome> {
    const { deadline } = task;
    const end = await this.#call(this.#work, address, StageRunner.method.run, () => encodeRunRequest(task), {
      deadline,
      ...options,
    });
    return end.kind === 'ANSWERED' ? this.#outcomeOf(decodeAnswer(end.message)) : failureOf(end);
  }

  async runAsync(
    address: string,
    task: RunnerTask,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<AcceptOutcome> {
    const { deadline } = task;
    const request = () => encodeRunAsyncRequest(task, this.#deps.callbackAddress());
    const end = await this.#call(this.#work, address, StageRunner.method.runAsync, request, { deadline, signal });
    if (end.kind !== 'ANSWERED') return failureOf(end);
    if (end.message.accepted) return { kind: 'ACCEPTED' };
    return { kind: 'UNDELIVERED', message: 'the runner did not accept the execution' };
  }

  async cancel(address: string, executionId: string, reason: string): Promise<CancelOutcome> {
    const request = () => ({ $typeName: 'turboci.v1.CancelRequest', executionId, reason }) as const;
    const end = await this.#ask(address, StageRunner.method.cancel, request);
    if (end.kind === 'ANSWERED') return end.message.accepted ? 'ACCEPTED' : 'DECLINED';
    if (end.code === grpcStatus.UNIMPLEMENTED) return 'UNSUPPORTED';
    return end.code === grpcStatus.NOT_FOUND ? 'DECLINED' : 'UNREACHABLE';
  }

  async ping(address: string): Promise<boolean> {
    const request = () => ({ $typeName: 'turboci.v1.PingRequest' }) as const;
    const end = await this.#ask(address, StageRunner.method.ping, request);
    return end.kind === 'ANSWERED';
  }

  close(): void {
    this.#work.close();
    this.#control.close();
  }

  async #ask<I extends DescMessage, O extends DescMessage>(
    address: string,
    method: DescMethodUnary<I, O>,
    request: () => MessageShape<I>,
  ): Promise<Answered<O> | FailedCall> {
    const deadline = this.#deps.clock.now() + QUICK_ANSWER_MS;
    return this.#call(this.#control, address, method, request, { deadline });
  }

  /** Never rejects. */
  async #call<I extends DescMessage, O extends DescMessage>(
    pool: ConnectionPool,
    address: string,
    method: DescMethodUnary<I, O>,
    request: () => MessageShape<I>,
    { deadline, signal, onSent }: CallOptions,
  ): Promise<Answered<O> | FailedCall> {
    try {
      const message = toBinary(method.input, request());
      const end = await pool.call(address, { path: methodPath(method), message, deadline, signal, onSent });
      if (end.kind !== 'ANSWERED') {
        this.#deps.log.debug(
          { address, method: method.name, kind: end.kind, detail: end.message },
          'call to a runner failed',
        );
        return end;
      }
      return { kind: 'ANSWERED', message: parseMessage(method.output, end.message) };
    } catch (error) {
      return this.#broken(error, address);
    }
  }

  #broken(error: unknown, address: string): FailedCall {
    const isRunnersFault = error instanceof AppError;
    if (!isRunnersFault) this.#deps.log.error({ err: error, address }, 'a call to a runner could not be made');
    const message = isRunnersFault ? error.message : 'internal error';
    return { kind: 'BROKEN', message, code: grpcStatus.INTERNAL, isUnreachable: false };
  }
}

function failureOf({ kind, message }: FailedCall): CallFailure {
  return { kind, message };
}
