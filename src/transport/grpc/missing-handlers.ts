import type { Server } from '@grpc/grpc-js';
import { asBuffer } from '../as-buffer.ts';

/** A service that comes with a library, which is loaded for its first call: it takes memory and time that most servers need not spend. */
export interface LateService {
  /** Whether a path is one of its own. */
  owns(path: string): boolean;
  /** Loads the library and adds its handlers. Called once. */
  addTo(server: Server): void;
}

/**
 * What a server does about a method without a handler: a late service may have one by now; if none has, the call goes to the
 * interceptors as well, where it is refused in our words. grpc-js would answer it by itself, without details, and has no
 * public way to be asked. The test of such a call notices if its table of handlers moves.
 */
export function findMissingHandlers(server: Server, services: readonly LateService[]): void {
  const handlers: unknown = Reflect.get(server, 'handlers');
  if (!(handlers instanceof Map)) throw new Error('grpc-js does not keep its handlers where it did');
  const known = handlers.get.bind(handlers);
  const absent = new Set(services);
  handlers.get = (path: string) => {
    const handler = known(path);
    if (handler !== undefined) return handler;
    for (const service of absent) {
      if (!service.owns(path)) continue;
      absent.delete(service);
      service.addTo(server);
    }
    return known(path) ?? { ...unknownMethod, path };
  };
}

/** Never runs; bidirectional, so that a call is refused before it sends anything. */
const unknownMethod = { type: 'bidi', func: () => {}, serialize: asBuffer, deserialize: identity };

/** Messages pass grpc-js as the bytes that they are. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}
