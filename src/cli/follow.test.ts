import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { TurboCIOrchestrator, type WatchWorkPlanRequest, type WorkPlanEvent } from '../../gen/turboci/v1/service_pb.js';
import { systemClock } from '../platform/clock.ts';
import { ServerClient } from './client.ts';
import { follow } from './follow.ts';

const { input, output, parent, name } = TurboCIOrchestrator.method.watchWorkPlan;

type Script = (call: ServerWritableStream<WatchWorkPlanRequest, WorkPlanEvent>) => void;

/** A real gRPC server on a Unix socket that answers the n-th WatchWorkPlan call with the n-th script. */
async function serverWith(
  scripts: Script[],
): Promise<{ readonly client: ServerClient; readonly asked: (bigint | undefined)[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'turboci-follow-'));
  const asked: (bigint | undefined)[] = [];
  const server = new Server();
  server.register<WatchWorkPlanRequest, WorkPlanEvent>(
    `/${parent.typeName}/${name}`,
    (call: ServerWritableStream<WatchWorkPlanRequest, WorkPlanEvent>) => {
      asked.push(call.request.sinceRevision);
      scripts.shift()?.(call);
    },
    (event) => Buffer.from(toBinary(output, event)),
    (bytes) => fromBinary(input, bytes),
    'serverStream',
  );
  const address = `unix:${join(folder, 's.sock')}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  const client = new ServerClient(address, systemClock());
  onTestFinished(async () => {
    client.close();
    server.forceShutdown();
    await rm(folder, { recursive: true });
  });
  return { client, asked };
}

const event = (revision: bigint, reason: string) => create(output, { revision, reason });

const unavailable = { code: status.UNAVAILABLE, details: 'draining' };

async function collect(client: ServerClient, signal = new AbortController().signal): Promise<readonly string[]> {
  const seen: string[] = [];
  const request = { workPlanId: 'p', sinceRevision: 1n };
  for await (const { revision, reason } of follow(client, { request, signal, patienceMs: 5_000 })) {
    seen.push(`${revision}${reason}`);
  }
  return seen;
}

test('resumes in the middle of a revision: each event once', async () => {
  const { client, asked } = await serverWith([
    (call) => {
      for (const one of [event(2n, 'a'), event(2n, 'b'), event(3n, 'a')]) call.write(one);
      call.emit('error', unavailable);
    },
    (call) => call.emit('error', unavailable),
    (call) => {
      for (const one of [event(3n, 'a'), event(3n, 'b'), event(4n, 'a')]) call.write(one);
      call.end();
    },
  ]);
  expect(await collect(client)).toEqual(['2a', '2b', '3a', '3b', '4a']);
  expect(asked).toEqual([1n, 2n, 2n]);
});

test('an error that a repetition does not heal is thrown', async () => {
  const { client, asked } = await serverWith([
    (call) => call.emit('error', { code: status.NOT_FOUND, details: 'no such plan' }),
  ]);
  await expect(collect(client)).rejects.toMatchObject({ message: 'no such plan', exitCode: 66 });
  expect(asked).toHaveLength(1);
});

test('ends without an error when it is told to stop', async () => {
  const stop = new AbortController();
  const { client } = await serverWith([
    (call) => {
      call.write(event(2n, 'a'));
      stop.abort();
    },
  ]);
  await expect(collect(client, stop.signal)).resolves.toBeDefined();
});
