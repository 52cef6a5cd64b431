import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.js';
import { TurboCIExecutor, TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { GetWorkPlanRequestSchema } from '../../gen/turboci/v1/workplan_pb.js';
import type { WorkPlan } from '../../src/domain/work-plan.ts';
import { pathOf, turboci } from '../support/client.ts';
import { fakeOrchestrator, plan, untilAborted } from '../support/fake-orchestrator.ts';
import { startGrpc } from '../support/grpc-test-server.ts';
import { closed, frame, Http2Peer } from '../support/http2-peer.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';

/** A server with a call that is answered when the test says so, and a watch that waits. */
async function busyServer() {
  let answer: (value: WorkPlan) => void = () => {};
  let calls = 0;
  const server = await startGrpc(
    fakeOrchestrator({
      getWorkPlan: () => {
        calls += 1;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      createWorkPlan: async () => plan('new'),
      watchWorkPlan: async (ctx) => ({
        cut: new AbortController().signal,
        [Symbol.asyncIterator]: () => ({ next: () => untilAborted(ctx.signal) }),
      }),
    }),
  );
  const client = server.client();
  const running = turboci(client).getWorkPlan({ id: 'p' });
  running.catch(() => {});
  await waitFor('the running call', () => calls === 1);
  return { server, client, running, answer: (id: string) => answer(plan(id)) };
}

test('a drain ends watches, refuses calls, says so in the health, and lets the running call finish', async () => {
  const { server, client, running, answer } = await busyServer();
  const watch = turboci(client).watchWorkPlan({ workPlanId: 'p' });
  const watched = refusal(watch.rest());
  await within('the watch', watch.opened);

  let isStopped = false;
  const stopped = server.grpc.stop(20_000).then(() => {
    isStopped = true;
  });
  const ended = await within('the end of the watch', watched);
  expect([ended.code, ended.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
  expect(ended.retry).toBeDefined();

  const refused = await refusal(turboci(client).createWorkPlan({}));
  expect([refused.code, refused.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
  expect((await client.call(Health.method.check, {})).status).toBe(Serving.NOT_SERVING);
  expect((await refusal(turboci(server.client()).createWorkPlan({}))).code).toBe('UNAVAILABLE');
  expect(isStopped).toBe(false);

  answer('answered in the drain');
  expect((await within('the answer', running)).workPlan?.id).toBe('answered in the drain');
  await within('the end of the server', stopped);
});

test('a RunStage that waits is ended by the drain', async () => {
  let waiting = 0;
  const server = await startGrpc(
    fakeOrchestrator({
      runStage: (ctx) => {
        waiting += 1;
        return untilAborted(ctx.signal);
      },
    }),
  );
  const call = refusal(turboci(server.client()).runStage({ workPlanId: 'p', stageId: 's', wait: true }));
  await waitFor('the call', () => waiting === 1);
  await within('the end of the server', server.grpc.stop(60_000));
  const error = await call;
  expect([error.code, error.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
});

test('what does not end in time is cut', async () => {
  const { server, running } = await busyServer();
  const ended = refusal(running);
  await within('the end of the server', server.grpc.stop(100));
  expect((await ended).code).toBe('UNAVAILABLE');
});

test.each([
  TurboCIOrchestrator.method.createWorkPlan,
  TurboCIOrchestrator.method.watchWorkPlan,
  TurboCIExecutor.method.runStage,
])('a call whose request has not come is ended at once: $name', async (method) => {
  const server = await startGrpc(fakeOrchestrator({}));
  const peer = await Http2Peer.connect(server.port);
  const silent = peer.open(pathOf(method));
  const ended = closed(silent);
  silent.resume();
  await within('a sign that the server has the call', new Promise((resolve) => peer.session.ping(resolve)));
  await within('the end of the server', server.grpc.stop(60_000));
  await within('the end of the call', ended);
});

test('an answer that nobody reads does not hold up the end', async () => {
  let answered = false;
  const server = await startGrpc(
    fakeOrchestrator({
      getWorkPlan: async () => {
        answered = true;
        return plan('p', { cancelReason: 'x'.repeat(4 * 1024 ** 2) });
      },
    }),
  );
  const peer = await Http2Peer.connect(server.port);
  const request = toBinary(GetWorkPlanRequestSchema, create(GetWorkPlanRequestSchema, { id: 'p' }));
  peer.open(pathOf(TurboCIOrchestrator.method.getWorkPlan)).end(frame(Buffer.from(request)));
  await waitFor('the answer', () => answered);
  await within('the end of the server', server.grpc.stop(60_000));
});

test('connections without calls do not hold up the end', async () => {
  const server = await startGrpc(fakeOrchestrator({ createWorkPlan: async () => plan('p') }));
  const idle = await Http2Peer.connect(server.port);
  const client = server.client();
  await turboci(client).createWorkPlan({});
  await within('the end of the server', server.grpc.stop(60_000));
  await waitFor('the end of the connection', () => idle.session.closed || idle.session.destroyed);
});

test('stopping twice is stopping once', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  await within('both', Promise.all([server.grpc.stop(1000), server.grpc.stop(1000)]));
});

test('a Unix socket is for its owner only, serves, and is gone after the end', async () => {
  const path = join(await scratchFolder(), 'turboci.sock');
  const server = await startGrpc(fakeOrchestrator({ createWorkPlan: async () => plan('p') }), {
    listen: { kind: 'UNIX', path },
  });
  const file = await stat(path);
  expect(file.isSocket()).toBe(true);
  expect(file.mode & 0o777).toBe(0o600);
  expect(server.address).toBe(`unix:${path}`);
  expect((await turboci(server.client()).createWorkPlan({})).workPlan?.id).toBe('p');
  await server.grpc.stop(1000);
  await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a socket in use, and a file that is no socket, are left alone', async () => {
  const folder = await scratchFolder();
  const path = join(folder, 'turboci.sock');
  const first = await startGrpc(fakeOrchestrator({ createWorkPlan: async () => plan('first') }), {
    listen: { kind: 'UNIX', path },
  });
  await expect(startGrpc(fakeOrchestrator({}), { listen: { kind: 'UNIX', path } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  expect((await turboci(first.client()).createWorkPlan({})).workPlan?.id).toBe('first');

  const file = join(folder, 'notes.txt');
  await writeFile(file, 'precious');
  await expect(startGrpc(fakeOrchestrator({}), { listen: { kind: 'UNIX', path: file } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  expect((await stat(file)).size).toBe('precious'.length);
});
