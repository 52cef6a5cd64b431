import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerOptions,
} from '@grpc/grpc-js';
import { AppError } from '../../domain/error.ts';
import type { Logger } from '../../domain/logger.ts';
import type { Clock, Ids } from '../../domain/ports.ts';
import { draining } from '../../endpoint/call-end.ts';
import { toAppError } from '../../endpoint/middleware/recover.ts';
import { RequestContext } from '../../endpoint/request-context.ts';
import { asBuffer } from '../as-buffer.ts';
import { type Method, methodPath } from '../method.ts';
import { servedServices } from '../methods.ts';
import { callFacts } from './call-headers.ts';
import { CallRegistry } from './call-registry.ts';
import { Health } from './health.ts';
import { Listener, type ListenOptions } from './listener.ts';
import { findMissingHandlers, identity } from './missing-handlers.ts';
import { type CallGrace, CallMemory, defaultCallGrace, OpenCall } from './open-call.ts';
import { Reflection } from './reflection.ts';
import { type ServeDeps, serveCall } from './serve-call.ts';
import { toGrpcStatus } from './status.ts';

/** How messages and connections are bounded. Times in milliseconds; 0 = no such limit. */
export type GrpcLimits = {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
  readonly maxConnectionIdleMs: number;
};

export type GrpcServerDeps = {
  readonly methods: readonly Method[];
  readonly limits: GrpcLimits;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly grace?: CallGrace;
};

/** Serves the methods over gRPC, with health and reflection beside them. */
export class GrpcServer {
  readonly #deps: GrpcServerDeps;
  readonly #methods: ReadonlyMap<string, Method>;
  /** Served to the end: they tell of it. */
  readonly #healthMethods: ReadonlyMap<string, Method>;
  readonly #calls = new CallRegistry();
  readonly #health = new Health(servedServices.map((service) => service.typeName));
  readonly #reflection = new Reflection(servedServices);
  readonly #hasHandler: (path: string) => boolean;
  #nextLoadAt = 0;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #closeConnections: (graceMs: number) => void;
  #isDraining = false;
  #stopped: Promise<void> | undefined;

  constructor(deps: GrpcServerDeps) {
    this.#deps = deps;
    this.#methods = byPath(deps.methods);
    this.#healthMethods = byPath(this.#health.methods);
    this.#server = new Server({ ...serverOptions(deps.limits), interceptors: [this.#interceptor()] });
    for (const path of [...this.#methods.keys(), ...this.#healthMethods.keys()]) {
      this.#server.register(path, () => {}, asBuffer, identity, 'unary');
    }
    this.#hasHandler = findMissingHandlers(this.#server, (path) => this.#loadReflection(path));
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = new Listener((socket) => injector.injectConnection(socket));
    this.#closeConnections = (graceMs) => injector.drain(graceMs);
  }

  /** Resolves with the port when calls are accepted; rejects with Node's error when it cannot listen. */
  listen(options: ListenOptions): Promise<number> {
    return this.#listener.listen(options);
  }

  /** What health says, SERVING at first; a drain has the last word. */
  announce(isServing: boolean): void {
    if (!this.#isDraining) this.#health.announce(isServing);
  }

  /**
   * Ends in order: not healthy, no new connections, calls refused, streams ended, running calls finished, connections
   * closed. What is not done within `withinMs` is cut. Repeating it waits for the same end.
   */
  stop(withinMs: number): Promise<void> {
    this.#stopped ??= this.#stop(withinMs);
    return this.#stopped;
  }

  async #stop(withinMs: number): Promise<void> {
    this.announce(false);
    this.#isDraining = true;
    this.#listener.stopListening();
    for (const open of this.#calls.all) this.#drain(open);
    const timeIsUp = new Promise<void>((resolve) => {
      this.#deps.clock.after(withinMs, resolve);
    });
    await Promise.race([timeIsUp, this.#close()]);
    this.#listener.destroyConnections();
    this.#server.forceShutdown();
  }

  #drain(open: OpenCall): void {
    open.hurry(UNREAD_GRACE_MS);
    const method = this.#methods.get(open.path);
    if (method === undefined) return;
    if (!open.hasRequest) open.end(toGrpcStatus(draining()));
    else if (method.endsWithDrain) open.ctx?.abort(draining());
  }

  async #close(): Promise<void> {
    await this.#calls.none((open) => this.#methods.has(open.path));
    // Those who watch the health have been told by then.
    await nextLoopTurn();
    // What is left are watchers of the health, and tools that explore: they would never end by themselves.
    for (const open of this.#calls.all) open.end(toGrpcStatus(draining()));
    this.#closeConnections(CLOSE_GRACE_MS);
    await this.#listener.idle();
  }

  /**
   * Every call comes through here first, and ours end here: grpc-js's own handlers would hide when a message really went
   * out, and wait for it before they send the status.
   */
  #interceptor(): ServerInterceptor {
    const { clock, ids, log, limits, grace = defaultCallGrace } = this.#deps;
    const serve: ServeDeps = {
      clock,
      context: (open, headers) => new RequestContext(callFacts(open.path, open.call, headers), ids.incident, log),
      // Endpoints have recovered already; what is left are faults of the codecs, which nobody has logged.
      asAppError: (error, ctx) => (error instanceof AppError ? error : toAppError(error, ctx, ids)),
      maxSendBytes: limits.maxSendBytes,
    };
    const memory = callMemory(limits, clock);
    return ({ path }, call) => {
      const open = new OpenCall(path, call, clock, grace, memory, () => this.#calls.delete(open));
      this.#calls.add(open);
      const method = this.#methods.get(path) ?? this.#healthMethods.get(path);
      const refusal = this.#refusal(path);
      if (refusal !== undefined) open.end(toGrpcStatus(refusal));
      if (refusal !== undefined || method === undefined) return new ServerInterceptingCall(call);
      return new ServerInterceptingCall(call, { start: () => serveCall(open, method, serve) });
    };
  }

  #refusal(path: string): AppError | undefined {
    if (this.#isDraining && !this.#healthMethods.has(path)) return draining();
    return this.#hasHandler(path) ? undefined : missing(path);
  }

  /** A process that can open no more files can not load it: its calls are refused, and after a while it is tried again. */
  #loadReflection(path: string): void {
    const now = this.#deps.clock.now();
    if (this.#isDraining || now < this.#nextLoadAt || !this.#reflection.owns(path)) return;
    try {
      this.#reflection.addTo(this.#server);
    } catch (error) {
      this.#nextLoadAt = now + LOAD_AGAIN_MS;
      this.#deps.log.warn({ err: error }, 'reflection can not be loaded');
    }
  }
}

function byPath(methods: readonly Method[]): ReadonlyMap<string, Method> {
  return new Map(methods.map((method) => [methodPath(method.desc), method]));
}

function missing(path: string): AppError {
  return new AppError('NOT_IMPLEMENTED', `this server has no method ${path.slice(1)}`);
}

/** Between two tries to load reflection: each holds the event loop, and is logged when it fails. */
const LOAD_AGAIN_MS = 1000;

/** How long a peer has, once the server drains, to take what it was answered. */
const UNREAD_GRACE_MS = 1500;

/** How long peers have to hang up once they were told that the connection ends. */
const CLOSE_GRACE_MS = 1000;

/**
 * What one request may hold: it counts with the pieces in which it comes, so that one in crumbs may be much smaller than
 * one in full frames.
 */
function maxRequestBytes({ maxReceiveBytes }: GrpcLimits): number {
  return 2 * maxReceiveBytes + 64 * 1024;
}

/** Requests that may hold the most at the same time. */
const LARGEST_REQUESTS = 8;

function callMemory(limits: GrpcLimits, clock: Clock): CallMemory {
  const mostOfOne = maxRequestBytes(limits);
  const incomingBytes = LARGEST_REQUESTS * mostOfOne;
  return new CallMemory({ maxRequestBytes: mostOfOne, incomingBytes, outgoingBytes: limits.maxSendBytes }, clock);
}

function serverOptions(limits: GrpcLimits): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.maxReceiveBytes,
    // Our own check comes first, and knows what to say.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    // It keeps an account of every call and connection that nobody reads here.
    'grpc.enable_channelz': 0,
    ...whenSet('grpc.keepalive_time_ms', limits.keepaliveTimeMs),
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    ...whenSet('grpc.max_connection_age_ms', limits.maxConnectionAgeMs),
    'grpc.max_connection_age_grace_ms': limits.maxConnectionAgeGraceMs,
    ...whenSet('grpc.max_connection_idle_ms', limits.maxConnectionIdleMs),
  };
}

function whenSet(option: keyof ServerOptions, value: number): ServerOptions {
  return value === 0 ? {} : { [option]: value };
}
