import { Metadata } from '@grpc/grpc-js';
import { AppError } from '../../domain/error.ts';
import type { CancelTimer, Clock } from '../../domain/ports.ts';
import { callerGone, deadlineExceeded } from '../../endpoint/call-end.ts';
import type { RequestContext } from '../../endpoint/request-context.ts';
import type { Method, StreamMethod, UnaryMethod } from '../method.ts';
import { MessageOutlet } from './message-outlet.ts';
import type { OpenCall } from './open-call.ts';
import { type GrpcStatus, okStatus, toGrpcStatus } from './status.ts';

export type ServeDeps = {
  readonly clock: Clock;
  /** Makes the context of a call from its headers. */
  readonly context: (open: OpenCall, headers: Metadata) => RequestContext;
  /** Turns what nobody foresaw into an AppError and logs it. */
  readonly asAppError: (error: unknown, ctx: RequestContext) => AppError;
  /** Largest message to send, in bytes. */
  readonly maxSendBytes: number;
};

/** Runs one call of one of our methods: reads its single request, then answers it. */
export function serveCall(open: OpenCall, method: Method, deps: ServeDeps): void {
  const { call } = open;
  let isAnswering = false;
  let cancelTimeout: CancelTimer = () => {};
  call.start({
    onReceiveMetadata(headers) {
      const ctx = deps.context(open, headers);
      open.ctx = ctx;
      if (ctx.deadline === undefined) {
        cancelTimeout = deps.clock.after(method.requestTimeoutMs, () => timeOut(open, ctx));
      }
      call.startRead();
    },
    onReceiveMessage(message: unknown) {
      // A second one is refused at once: there could be any number of them, each as large as a message may be.
      if (message instanceof Uint8Array && !open.keepRequest(message)) return open.end(notOneMessage());
      call.startRead();
    },
    onReceiveHalfClose() {
      const { ctx } = open;
      const request = open.takeRequest();
      if (ctx === undefined || open.isEnded) return;
      if (request === undefined) return open.end(notOneMessage());
      if (method.endsWithDrain) cancelTimeout();
      isAnswering = true;
      void answer(open, ctx, method, request, deps).finally(() => {
        isAnswering = false;
        cancelTimeout();
      });
    },
    onCancel() {
      cancelTimeout();
      // grpc-js says so of every call once its stream has closed, also of one that was answered.
      if (isAnswering) open.ctx?.abort(callerGone());
    },
  });
}

function notOneMessage(): GrpcStatus {
  return toGrpcStatus(new AppError('MALFORMED_MESSAGE', 'the call takes exactly one request message'));
}

/** The work on a request is told, and answers for itself; without a request there is nobody to tell. */
function timeOut(open: OpenCall, ctx: RequestContext): void {
  if (open.hasRequest) ctx.abort(deadlineExceeded());
  else open.end(toGrpcStatus(deadlineExceeded()));
}

/** Never rejects: every failure is the status of the call. */
async function answer(
  open: OpenCall,
  ctx: RequestContext,
  method: Method,
  request: Uint8Array,
  deps: ServeDeps,
): Promise<void> {
  try {
    if (method.kind === 'UNARY') await answerUnary(open, ctx, method, request, deps);
    else await answerStream(open, ctx, method, request, deps);
    open.end(okStatus);
  } catch (error) {
    open.end(toGrpcStatus(deps.asAppError(error, ctx)));
  }
}

async function answerUnary(
  open: OpenCall,
  ctx: RequestContext,
  method: UnaryMethod,
  request: Uint8Array,
  { maxSendBytes }: ServeDeps,
): Promise<void> {
  const response = await method.call(ctx, request);
  if (response.byteLength > maxSendBytes) throw tooLarge(response.byteLength, maxSendBytes);
  // The status follows at once: waiting for the message to go out first would cost a turn of the loop per call.
  open.answer(response);
}

async function answerStream(
  open: OpenCall,
  ctx: RequestContext,
  method: StreamMethod,
  request: Uint8Array,
  { maxSendBytes, asAppError }: ServeDeps,
): Promise<void> {
  const { cut, messages } = await method.open(ctx, request);
  const outlet = new MessageOutlet(open.call);
  const end = (signal: AbortSignal) => () => {
    open.end(toGrpcStatus(asAppError(signal.reason, ctx)));
    outlet.close();
  };
  const onCut = end(cut);
  const onAbort = end(ctx.signal);
  cut.addEventListener('abort', onCut);
  ctx.signal.addEventListener('abort', onAbort);
  try {
    if (cut.aborted) onCut();
    if (ctx.signal.aborted) onAbort();
    // Clients take the headers as the word that the subscription stands.
    open.call.sendMetadata(new Metadata());
    for await (const message of messages) {
      if (open.isEnded) return;
      if (message.byteLength > maxSendBytes) throw tooLarge(message.byteLength, maxSendBytes);
      await outlet.send(message);
      if (open.isEnded) return;
    }
  } finally {
    cut.removeEventListener('abort', onCut);
    ctx.signal.removeEventListener('abort', onAbort);
  }
}

function tooLarge(bytes: number, limit: number): AppError {
  return new AppError('MESSAGE_TOO_LARGE', `the answer has ${bytes} bytes, the limit is ${limit}; ask for less`, {
    metadata: { bytes: String(bytes), limit: String(limit) },
  });
}
