import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.js';
import { fakeOrchestrator, plan } from '../support/fake-orchestrator.ts';
import { startGrpc } from '../support/grpc-test-server.ts';
import { refusal } from '../support/rpc-error.ts';
import { within } from '../support/wait-for.ts';

const run = promisify(execFile);
const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));

/** `buf curl` against the server, knowing nothing but what reflection says. */
async function bufCurl(address: string, path: string, ...args: readonly string[]): Promise<string> {
  const url = `http://${address}${path}`;
  const { stdout } = await run(BUF, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args, url]);
  return stdout;
}

test.each(['', 'turboci.v1.TurboCIOrchestrator', 'turboci.v1.TurboCIExecutor'])(
  'health of "%s" is SERVING',
  async (service) => {
    const server = await startGrpc(fakeOrchestrator({}));
    expect((await server.client().call(Health.method.check, { service })).status).toBe(Serving.SERVING);
  },
);

test('health of an unknown service is NOT_FOUND', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  expect((await refusal(server.client().call(Health.method.check, { service: 'no.such.Service' }))).code).toBe(
    'NOT_FOUND',
  );
});

test('a long name of an unknown service is not sent back whole, and costs nobody else the connection', async () => {
  const client = (await startGrpc(fakeOrchestrator({}))).client();
  const named = await refusal(client.call(Health.method.check, { service: 'x'.repeat(1_000_000) }));
  expect([named.code, named.reason]).toEqual(['NOT_FOUND', 'SERVICE_NOT_FOUND']);
  expect(named.message.length).toBeLessThan(300);
  expect((await client.call(Health.method.check, {})).status).toBe(Serving.SERVING);
});

test('who watches is told what changes, and of a service that is not there that nobody knows it', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  const client = server.client();
  server.grpc.announce(false);
  const states = client.stream(Health.method.watch, {})[Symbol.asyncIterator]();
  const unknown = client.stream(Health.method.watch, { service: 'no.such.Service' })[Symbol.asyncIterator]();
  expect((await within('the state', states.next())).value).toMatchObject({ status: Serving.NOT_SERVING });
  expect((await within('the state', unknown.next())).value).toMatchObject({ status: Serving.SERVICE_UNKNOWN });
  server.grpc.announce(false);
  server.grpc.announce(true);
  expect((await within('the next state', states.next())).value).toMatchObject({ status: Serving.SERVING });
});

test('who watches the health is told of a drain at once, then the stream ends', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  const stream = server.client().stream(Health.method.watch, { service: 'turboci.v1.TurboCIExecutor' });
  const states = stream[Symbol.asyncIterator]();
  expect((await within('the state', states.next())).value).toMatchObject({ status: Serving.SERVING });
  const stopped = server.grpc.stop(5000);
  expect((await within('the new state', states.next())).value).toMatchObject({ status: Serving.NOT_SERVING });
  const end = await refusal(states.next());
  expect([end.code, end.reason]).toEqual(['UNAVAILABLE', 'DRAINING']);
  await within('the end of the server', stopped);
});

test('buf curl finds the services and their methods by reflection', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  expect((await bufCurl(server.address, '', '--list-services')).split('\n')).toEqual(
    expect.arrayContaining(['turboci.v1.TurboCIExecutor', 'turboci.v1.TurboCIOrchestrator']),
  );
  const methods = await bufCurl(server.address, '', '--list-methods');
  expect(methods).toContain('turboci.v1.TurboCIOrchestrator/WatchWorkPlan');
  expect(methods).toContain('turboci.v1.TurboCIOrchestrator/AcquireStageExecutions');
});

test.each(['grpc-v1', 'grpc-v1alpha'])(
  'buf curl calls a method with what reflection (%s) says of it',
  async (protocol) => {
    const server = await startGrpc(
      fakeOrchestrator({ createWorkPlan: async (_, request) => plan('p-1', { metadata: request.metadata }) }),
    );
    const answer = await bufCurl(
      server.address,
      '/turboci.v1.TurboCIOrchestrator/CreateWorkPlan',
      '--reflect-protocol',
      protocol,
      '--data',
      '{"metadata": {"branch": "main"}}',
    );
    expect(JSON.parse(answer)).toMatchObject({
      workPlan: {
        id: 'p-1',
        metadata: { branch: 'main' },
        createdAt: '2023-11-14T22:13:20Z',
        state: 'WORK_PLAN_STATE_ACTIVE',
      },
    });
  },
);

test('buf curl shows the details of an error', async () => {
  const server = await startGrpc(fakeOrchestrator({}));
  const call = bufCurl(server.address, '/turboci.v1.TurboCIOrchestrator/GetWorkPlan', '--data', '{}');
  await expect(call).rejects.toMatchObject({
    stderr: expect.stringMatching(/id: must not be empty.*google\.rpc\.BadRequest/s),
  });
});
