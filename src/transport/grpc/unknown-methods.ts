import type { Server } from '@grpc/grpc-js';
import { asBuffer } from '../as-buffer.ts';

/**
 * Makes a server hand calls of unknown methods to its interceptors as well, where they are refused in our words.
 * grpc-js would answer them by itself, without details, and has no public way to be asked. The test of such a call
 * notices if its table of handlers moves.
 */
export function interceptUnknownMethods(server: Server): void {
  const handlers: unknown = Reflect.get(server, 'handlers');
  if (!(handlers instanceof Map)) throw new Error('grpc-js does not keep its handlers where it did');
  const known = handlers.get.bind(handlers);
  handlers.get = (path: string) => known(path) ?? { ...unknownMethod, path };
}

/** Never runs; bidirectional, so that a call is refused before it sends anything. */
const unknownMethod = { type: 'bidi', func: () => {}, serialize: asBuffer, deserialize: identity };

/** Messages pass grpc-js as the bytes that they are. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}
