import { create, toBinary } from '@bufbuild/protobuf';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  Health as HealthPb,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.js';
import { AppError } from '../../domain/error.ts';
import type { Method } from '../method.ts';
import { parseMessage } from '../parse-message.ts';

/** Both methods answer at once; this is for callers whose request does not come. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Of a name that nobody has, so much is said. */
const SHOWN = 100;

/**
 * The standard health service (grpc.health.v1) over the given services and the server as a whole, which is "". A watch
 * is told the status, and each other one that follows; of a service that is not there it hears SERVICE_UNKNOWN, and
 * nothing is kept of its name.
 */
export class Health {
  readonly #names: ReadonlySet<string>;
  #isServing = true;
  readonly #watches = new Set<() => void>();

  constructor(serviceNames: readonly string[]) {
    this.#names = new Set(['', ...serviceNames]);
  }

  /** Its methods, which are served while the server drains as well. */
  get methods(): readonly Method[] {
    const { check, watch } = HealthPb.method;
    return [
      {
        kind: 'UNARY',
        desc: check,
        endsWithDrain: false,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        call: async (_ctx, request) => {
          const { service } = parseMessage(HealthCheckRequestSchema, request);
          if (!this.#names.has(service)) throw unknownService(service);
          return encoded(this.#statusNow);
        },
      },
      {
        kind: 'SERVER_STREAM',
        desc: watch,
        endsWithDrain: true,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        open: async ({ signal }, request) => {
          const isKnown = this.#names.has(parseMessage(HealthCheckRequestSchema, request).service);
          return { cut: signal, messages: this.#statuses(isKnown, signal) };
        },
      },
    ];
  }

  /** Whether balancers may send anything; those that watch are told at once. */
  announce(isServing: boolean): void {
    this.#isServing = isServing;
    for (const wake of [...this.#watches]) wake();
  }

  async *#statuses(isKnown: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let told: Status | undefined;
    while (!signal.aborted) {
      const status = isKnown ? this.#statusNow : Status.SERVICE_UNKNOWN;
      if (status === told) {
        await this.#change(signal);
        continue;
      }
      yield encoded(status);
      told = status;
    }
  }

  get #statusNow(): Status {
    return this.#isServing ? Status.SERVING : Status.NOT_SERVING;
  }

  /** Resolves at the next announcement, or when the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watches.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#watches.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }
}

function encoded(status: Status): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}

function unknownService(service: string): AppError {
  const name = service.slice(0, SHOWN);
  return new AppError('SERVICE_NOT_FOUND', `this server has no service ${JSON.stringify(name)}`, {
    metadata: { resource_type: 'service', resource_name: name },
  });
}
