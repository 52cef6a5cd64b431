import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { TestClient } from '../support/client.ts';
import { refusal } from '../support/rpc-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { ServerProcess } from '../support/server-process.ts';
import { waitFor, within } from '../support/wait-for.ts';

const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const MOST_FILES = 100;
const CALLS = 10;

test('a server that can open no more files refuses to explain itself, and does once it can', async () => {
  const path = join(await scratchFolder(), 'turboci.db');
  const limit = ['sh', '-c', `ulimit -n ${MOST_FILES}; exec "$@"`, 'sh'];
  const server = new ServerProcess({ SQLITE_PATH: path }, limit);
  const address = await server.serving;
  const client = new TestClient(address);
  onTestFinished(() => client.close());
  await client.call(TurboCIOrchestrator.method.createWorkPlan, {});

  const sockets = hoard(Number(address.split(':').at(-1)), 2 * MOST_FILES);
  await waitFor('every file to be taken', () => sockets.some(({ destroyed }) => destroyed));
  for (let call = 0; call < CALLS; call++) {
    const refused = await within('the refusal', refusal(client.callRaw(REFLECTION, new Uint8Array())));
    expect([refused.code, refused.reason]).toEqual(['UNIMPLEMENTED', 'NOT_IMPLEMENTED']);
  }
  const lines = server.log.filter((line) => line.includes('reflection can not be loaded'));
  expect(lines.length).toBeGreaterThan(0);
  // It is tried once a second.
  expect(lines.length).toBeLessThan(CALLS);

  for (const socket of sockets) socket.destroy();
  // A request that asks for nothing is answered in the stream; only a method that is not there is refused.
  await waitFor('reflection to be served', async () => {
    const answer = await client.callRaw(REFLECTION, new Uint8Array()).catch((error: unknown) => error);
    return !(answer instanceof Error) || !answer.message.includes('no method');
  });
  await client.call(TurboCIOrchestrator.method.createWorkPlan, {});
  server.kill('SIGTERM');
  expect((await server.exit).code).toBe(0);
});

/** Connections that are kept; those for which the server has no file are hung up. */
function hoard(port: number, count: number): readonly Socket[] {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}
