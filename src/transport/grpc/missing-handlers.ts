import type { Server } from '@grpc/grpc-js';
import { asBuffer } from '../as-buffer.ts';

/**
 * Makes a server hand calls of methods without a handler to its interceptors as well, where they are refused in our words;
 * but first `addLate` may add what the path needs. grpc-js would answer such calls by itself, without details, and has no
 * public way to be asked. The test of such a call notices if its table of handlers moves. Answers whether a path has a
 * handler.
 */
export function findMissingHandlers(server: Server, addLate: (path: string) => void): (path: string) => boolean {
  const handlers: unknown = Reflect.get(server, 'handlers');
  if (!(handlers instanceof Map)) throw new Error('grpc-js does not keep its handlers where it did');
  const known = handlers.get.bind(handlers);
  handlers.get = (path: string) => {
    if (!handlers.has(path)) addLate(path);
    return known(path) ?? { ...unknownMethod, path };
  };
  return (path) => handlers.has(path);
}

/** Never runs, since the call is refused; bidirectional, so that it is refused before it sends anything. */
const unknownMethod = { type: 'bidi', func: () => {}, serialize: asBuffer, deserialize: identity };

/** Messages pass grpc-js as the bytes that they are. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}
