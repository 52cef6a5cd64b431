import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  status,
} from '@grpc/grpc-js';
import { ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import {
  CancelResponseSchema,
  PingResponseSchema,
  RunAsyncResponseSchema,
  StageRunner,
} from '../../../gen/turboci/v1/stagerunner_pb.js';
import { pathOf } from '../../support/client.ts';
import type { Runner } from './runner.ts';

const { run, runAsync, cancel, ping } = StageRunner.method;

/** Serves StageRunner for a runner on a free port; answers the address. */
export async function serve(runner: Runner): Promise<{ readonly address: string; readonly server: Server }> {
  const server = new Server();
  server.addService(
    {
      run: unary(run),
      runAsync: unary(runAsync),
      ping: unary(ping),
      ...(runner.cancels ? { cancel: unary(cancel) } : {}),
    },
    {
      run: handleRun(runner),
      runAsync: handleRunAsync(runner),
      ping: handlePing(runner),
      cancel: handleCancel(runner),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { address: `127.0.0.1:${port}`, server };
}

function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  return {
    path: pathOf(method),
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

type Handler<M> =
  M extends DescMethodUnary<infer I, infer O> ? handleUnaryCall<MessageShape<I>, MessageShape<O>> : never;

function handleRun(runner: Runner): Handler<typeof run> {
  return (call, callback) => {
    const refusal = runner.refusalOf('RUN', call.request);
    if (refusal !== undefined) return callback({ code: codeOf(refusal), details: 'it begins nothing' });
    const work = runner.begin('RUN', call.request);
    call.on('cancelled', () => work.cancel({ event: 'cut' }));
    const answer = async (): Promise<void> => {
      const ending = await runner.finish(work, deadlineOf(call));
      if (ending === 'VANISHED') return;
      if (ending === 'ERROR' || ending === 'DECLINED') return callback({ code: status.INTERNAL, details: 'it broke' });
      await work.complete(ending, 1);
      callback(null, ending);
    };
    answer().catch(runner.fault);
  };
}

function handleRunAsync(runner: Runner): Handler<typeof runAsync> {
  return (call, callback) => {
    const accept = (accepted: boolean): void => callback(null, create(RunAsyncResponseSchema, { accepted }));
    const refusal = runner.refusalOf('RUN_ASYNC', call.request);
    if (refusal === 'NOT_ACCEPTED') return accept(false);
    if (refusal !== undefined) return callback({ code: codeOf(refusal), details: 'it begins nothing' });
    const work = runner.begin('RUN_ASYNC', call.request);
    const { accepts } = work.act;
    const answer = async (): Promise<void> => {
      const ending = await runner.finish(work, deadlineOf(call));
      if (ending === 'VANISHED') return;
      if (ending === 'ERROR') return callback({ code: status.INTERNAL, details: 'it broke' });
      if (ending === 'DECLINED') return accept(false);
      await work.complete(ending);
      if (accepts === 'last') accept(true);
    };
    answer().catch(runner.fault);
    if (work.act.do === 'error' || work.act.do === 'decline') return;
    if (accepts === 'first') accept(true);
    if (accepts === 'midway') void work.midway.then(() => accept(true));
  };
}

function handlePing(runner: Runner): Handler<typeof ping> {
  return (_call, callback) => {
    runner.log({ event: 'ping' });
    const supportedModes = runner.modes.map((mode) => ExecutionMode[mode]);
    callback(null, create(PingResponseSchema, { runnerType: runner.runnerType, supportedModes, availableCapacity: 1 }));
  };
}

function handleCancel(runner: Runner): Handler<typeof cancel> {
  return ({ request: { executionId, reason } }, callback) => {
    callback(null, create(CancelResponseSchema, { accepted: runner.cancel(executionId, reason) }));
  };
}

function codeOf(refusal: string): status {
  if (refusal === 'RESOURCE_EXHAUSTED') return status.RESOURCE_EXHAUSTED;
  return refusal === 'INTERNAL' ? status.INTERNAL : status.UNIMPLEMENTED;
}

function deadlineOf(call: ServerUnaryCall<unknown, unknown>): number {
  const deadline = call.getDeadline();
  return typeof deadline === 'number' ? deadline : deadline.getTime();
}
