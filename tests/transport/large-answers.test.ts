import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { CheckView } from '../../src/domain/check.ts';
import { fakeOrchestrator } from '../support/fake-orchestrator.ts';
import { startGrpc } from '../support/grpc-test-server.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1024 ** 2;

function check(id: string, bytes: number): CheckView {
  return {
    planId: 'plan',
    id,
    state: 'PLANNED',
    kind: 'k'.repeat(bytes),
    outcome: undefined,
    version: 1,
    revision: 2,
    createdAt: 3,
    updatedAt: 4,
    goals: undefined,
    resultCount: 0,
    options: undefined,
    dependencies: undefined,
    results: [],
  };
}

it('clients that read large answers at the same time all get theirs, however little may be held', async () => {
  const checks = Array.from({ length: 600 }, (_, at) => check(`c${at}`, 1000));
  const queryNodes = async () => ({ checks, stages: [], nextPageToken: '', revision: 7 });
  const server = await startGrpc(fakeOrchestrator({ queryNodes }), { grpc: { maxSendBytes: MIB } });
  const clients = Array.from({ length: 8 }, () => server.client());
  const { queryNodes: method } = TurboCIOrchestrator.method;
  const answers = await Promise.all(clients.map((client) => client.call(method, { workPlanId: 'plan' })));
  expect(answers.map((answer) => answer.checks.length)).toEqual(clients.map(() => 600));
});

it('requests that never end are given up by what they hold unpacked', async () => {
  const server = await startGrpc(fakeOrchestrator({}), { limits: { messageBytes: MIB } });
  const packed = gzipSync(Buffer.alloc(1000 * 1024));
  const frame = Buffer.concat([Buffer.of(1, 0, 0, 0, 0), packed]);
  frame.writeUInt32BE(packed.length, 1);
  const session = connect(`http://127.0.0.1:${server.port}`).on('error', () => {});
  onTestFinished(() => session.destroy());
  let refused = 0;
  const send = (): void => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/turboci.v1.TurboCIOrchestrator/CreateWorkPlan',
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
      te: 'trailers',
    });
    stream
      .on('error', () => {})
      .once('response', () => {
        refused += 1;
      });
    stream.resume().write(frame);
  };
  // 8 × (2 × 1 MiB + 64 KiB) fit; the first are too old by the time the others come.
  for (let call = 0; call < 40; call++) send();
  await waitFor('those that held longest to be refused', () => {
    send();
    return refused >= 20;
  });
});
