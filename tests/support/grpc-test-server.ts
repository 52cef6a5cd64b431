import { onTestFinished } from 'vitest';
import { defaultLimits, type Limits } from '../../src/domain/limits.ts';
import type { Logger } from '../../src/domain/logger.ts';
import { createEndpoints } from '../../src/endpoint/endpoints.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import type { Orchestrator } from '../../src/service/orchestrator.ts';
import type { ListenOptions } from '../../src/transport/grpc/listener.ts';
import type { CallGrace } from '../../src/transport/grpc/open-call.ts';
import { type GrpcLimits, GrpcServer } from '../../src/transport/grpc/server.ts';
import { createMethods } from '../../src/transport/methods.ts';
import { TestClient } from './client.ts';

export type TestServerOptions = {
  readonly limits?: Partial<Limits>;
  readonly grpc?: Partial<GrpcLimits>;
  readonly defaultDeadlineMs?: number;
  readonly listen?: ListenOptions;
  readonly log?: Logger;
  readonly grace?: CallGrace;
};

export type TestServer = {
  readonly address: string;
  readonly port: number;
  readonly grpc: GrpcServer;
  /** A client with a connection of its own, closed after the test. */
  client(): TestClient;
};

/** Endpoints and gRPC over an orchestrator of the test's own, on a free port; stopped after the test. */
export async function startGrpc(orchestrator: Orchestrator, options: TestServerOptions = {}): Promise<TestServer> {
  const deps = { clock: systemClock(), ids: systemIds, log: options.log ?? silentLogger };
  const limits = { ...defaultLimits, ...options.limits };
  const endpoints = createEndpoints({
    ...deps,
    orchestrator,
    limits,
    defaultDeadlineMs: options.defaultDeadlineMs ?? 60_000,
  });
  const grpc = new GrpcServer({
    ...deps,
    methods: createMethods(endpoints),
    limits: {
      maxReceiveBytes: limits.messageBytes,
      maxSendBytes: 64 * 1024 * 1024,
      maxConcurrentStreams: 1000,
      keepaliveTimeMs: 0,
      keepaliveTimeoutMs: 20_000,
      maxConnectionAgeMs: 0,
      maxConnectionAgeGraceMs: 60_000,
      maxConnectionIdleMs: 0,
      ...options.grpc,
    },
    ...(options.grace === undefined ? {} : { grace: options.grace }),
  });
  const port = await grpc.listen(options.listen ?? { kind: 'TCP', host: '127.0.0.1', port: 0 });
  onTestFinished(() => grpc.stop(1000));
  const address = options.listen?.kind === 'UNIX' ? `unix:${options.listen.path}` : `127.0.0.1:${port}`;
  return {
    address,
    port,
    grpc,
    client() {
      const client = new TestClient(address);
      onTestFinished(() => client.close());
      return client;
    },
  };
}
