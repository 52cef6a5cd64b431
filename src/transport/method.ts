import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import {
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { RequestContext } from '../endpoint/request-context.ts';
import type { StreamItem, StreamRpc, UnaryRpc } from '../endpoint/rpc.ts';
import type { Gate } from './gate.ts';
import { parseMessage } from './parse-message.ts';

/** A unary RPC from bytes to bytes. */
export type UnaryMethod = {
  readonly kind: 'UNARY';
  readonly desc: DescMethod;
  readonly endsWithDrain: boolean;
  readonly requestTimeoutMs: number;
  call(ctx: RequestContext, request: Uint8Array): Promise<Uint8Array>;
};

/** A stream of messages, each in bytes, and the signal that ends it while nobody asks for messages. */
export type MessageStream = { readonly cut: AbortSignal; readonly messages: AsyncIterable<Uint8Array> };

/** An RPC with a stream of answers. */
export type StreamMethod = {
  readonly kind: 'SERVER_STREAM';
  readonly desc: DescMethod;
  readonly endsWithDrain: true;
  readonly requestTimeoutMs: number;
  open(ctx: RequestContext, request: Uint8Array): Promise<MessageStream>;
};

/**
 * One RPC between bytes. A drain ends those that might last for ever and waits for the others; the request timeout runs
 * to their request or to their answer accordingly.
 */
export type Method = UnaryMethod | StreamMethod;

/** Puts a codec around an endpoint. */
export function unaryMethod<I extends DescMessage, O extends DescMessage, Res>(
  desc: DescMethodUnary<I, O>,
  rpc: UnaryRpc<Res>,
  decode: (message: MessageShape<I>) => unknown,
  encode: (response: Res) => MessageShape<O>,
): UnaryMethod {
  return {
    kind: 'UNARY',
    desc,
    endsWithDrain: rpc.isPatient,
    requestTimeoutMs: rpc.requestTimeoutMs,
    call: async (ctx, request) => {
      const response = await rpc.call(ctx, decode(parseMessage(desc.input, request)));
      return toBinary(desc.output, encode(response));
    },
  };
}

/**
 * The same for an answer that may be large: `encode` makes it in parts, each in a turn of the event loop of its own. The
 * parts are messages whose bytes, one after another, are the whole answer: that is how repeated fields add up.
 */
export function largeUnaryMethod<I extends DescMessage, O extends DescMessage, Res>(
  desc: DescMethodUnary<I, O>,
  rpc: UnaryRpc<Res>,
  decode: (message: MessageShape<I>) => unknown,
  encode: (response: Res) => Iterable<MessageShape<O>>,
): UnaryMethod {
  return {
    kind: 'UNARY',
    desc,
    endsWithDrain: rpc.isPatient,
    requestTimeoutMs: rpc.requestTimeoutMs,
    call: async (ctx, request) => {
      const response = await rpc.call(ctx, decode(parseMessage(desc.input, request)));
      const parts: Uint8Array[] = [];
      for (const part of encode(response)) {
        if (parts.length > 0) await nextLoopTurn();
        ctx.signal.throwIfAborted();
        parts.push(toBinary(desc.output, part));
      }
      return Buffer.concat(parts);
    },
  };
}

/** The same, let through a gate. */
export function gated(method: UnaryMethod, gate: Gate): UnaryMethod {
  return { ...method, call: (ctx, request) => gate.pass(ctx.signal, () => method.call(ctx, request)) };
}

/** The same for an endpoint that answers with a stream. */
export function streamMethod<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodServerStreaming<I, O>,
  rpc: StreamRpc,
  decode: (message: MessageShape<I>) => unknown,
  encode: (item: StreamItem) => MessageShape<O>,
): StreamMethod {
  return {
    kind: 'SERVER_STREAM',
    desc,
    endsWithDrain: true,
    requestTimeoutMs: rpc.requestTimeoutMs,
    open: async (ctx, request) => {
      const subscription = await rpc.call(ctx, decode(parseMessage(desc.input, request)));
      return { cut: subscription.cut, messages: encoded(subscription, (item) => toBinary(desc.output, encode(item))) };
    },
  };
}

function encoded<T>(items: AsyncIterable<T>, encode: (item: T) => Uint8Array): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        async next() {
          const next = await iterator.next();
          return next.done === true ? { done: true, value: undefined } : { done: false, value: encode(next.value) };
        },
        async return() {
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** The path of a method, as it travels. */
export function methodPath(desc: DescMethod): string {
  return `/${desc.parent.typeName}/${desc.name}`;
}
