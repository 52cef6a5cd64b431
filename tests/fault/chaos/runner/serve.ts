import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type handleUnaryCall, type MethodDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
  CancelResponseSchema,
  PingResponseSchema,
  RunAsyncResponseSchema,
  RunResponseSchema,
  StageRunner,
} from '../../../../gen/turboci/v1/stagerunner_pb.js';
import { pathOf } from '../../../support/client.ts';
import type { ChaosRunner } from './chaos-runner.ts';

const { run, runAsync, cancel, ping } = StageRunner.method;

/** Serves StageRunner for a runner on a free port; answers the address. */
export async function serve(runner: ChaosRunner): Promise<string> {
  const server = new Server();
  server.addService(
    {
      run: unary(run),
      runAsync: unary(runAsync),
      ping: unary(ping),
      ...(runner.options.cancels ? { cancel: unary(cancel) } : {}),
    },
    {
      run: handleRun(runner),
      runAsync: handleRunAsync(runner),
      ping: handlePing,
      cancel: handleCancel(runner),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return `127.0.0.1:${port}`;
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

function handleRun(runner: ChaosRunner): Handler<typeof run> {
  return (call, callback) => {
    const refusal = runner.refusalOf('RUN', call.request);
    if (refusal !== undefined) return callback({ code: codeOf(refusal), details: 'not now' });
    const execution = runner.begin('RUN', call.request);
    call.on('cancelled', () => execution.stop());
    runner.finish(execution).then((ending) => {
      if (ending === 'ERROR') callback({ code: status.INTERNAL, details: 'it broke' });
      else if (ending !== 'VANISHED') callback(null, create(RunResponseSchema, ending));
    }, runner.fault);
  };
}

function handleRunAsync(runner: ChaosRunner): Handler<typeof runAsync> {
  return (call, callback) => {
    const refusal = runner.refusalOf('RUN_ASYNC', call.request);
    if (refusal === 'NOT_ACCEPTED') return callback(null, create(RunAsyncResponseSchema, { accepted: false }));
    if (refusal !== undefined) return callback({ code: codeOf(refusal), details: 'not now' });
    const execution = runner.begin('RUN_ASYNC', call.request);
    const accept = (): void => callback(null, create(RunAsyncResponseSchema, { accepted: true }));
    const breaks = (): void => callback({ code: status.INTERNAL, details: 'it broke' });
    if (!execution.isBroken) accept();
    runner.finish(execution).then(() => execution.isBroken && breaks(), runner.fault);
  };
}

const handlePing: Handler<typeof ping> = (_call, callback) => callback(null, create(PingResponseSchema));

function handleCancel(runner: ChaosRunner): Handler<typeof cancel> {
  return ({ request }, callback) => {
    callback(null, create(CancelResponseSchema, { accepted: runner.stop(request.executionId) }));
  };
}

function codeOf(refusal: string): status {
  return refusal === 'UNIMPLEMENTED' ? status.UNIMPLEMENTED : status.RESOURCE_EXHAUSTED;
}
