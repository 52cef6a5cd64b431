import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../gen/grpc/health/v1/health_pb.js';
import { callerGone } from '../../endpoint/call-end.ts';
import { type CallFacts, RequestContext } from '../../endpoint/request-context.ts';
import { systemIds } from '../../platform/ids.ts';
import { silentLogger } from '../../platform/logger.ts';
import { Health } from './health.ts';

const facts: CallFacts = {
  method: 'grpc.health.v1.Health/Watch',
  peer: '127.0.0.1:1',
  deadline: undefined,
  correlationId: undefined,
  traceparent: undefined,
};

/** A watch and the context that ends it. */
async function watch(health: Health) {
  const ctx = new RequestContext(facts, systemIds.incident, silentLogger);
  const method = health.methods.find(({ kind }) => kind === 'SERVER_STREAM');
  if (method?.kind !== 'SERVER_STREAM') throw new Error('health has no watch');
  const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema));
  const { messages } = await method.open(ctx, request);
  const iterator = messages[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await iterator.next();
    return done === true ? 'END' : Status[fromBinary(HealthCheckResponseSchema, value).status];
  };
  return { ctx, next };
}

test('a change while the last status is still being sent is told, and one that was taken back is not', async () => {
  const health = new Health([]);
  const { next } = await watch(health);
  expect(await next()).toBe('SERVING');
  health.announce(false);
  expect(await next()).toBe('NOT_SERVING');
  health.announce(true);
  health.announce(false);
  const later = next();
  health.announce(true);
  expect(await later).toBe('SERVING');
});

test('a watch whose caller has gone ends, also when it waits for a change', async () => {
  const { ctx, next } = await watch(new Health([]));
  expect(await next()).toBe('SERVING');
  const waiting = next();
  ctx.abort(callerGone());
  expect(await waiting).toBe('END');
});
