import { expect, test } from 'vitest';
import { ExecutionMode } from '../../gen/turboci/v1/common_pb.js';
import { Scene } from '../execution/harness/scene.ts';
import { useExecutionServer } from '../execution/harness/server.ts';
import { turboci } from './turboci.ts';

const PATIENCE = { timeout: 60_000 };
/** Nothing listens on the discard port. */
const NOBODY = '127.0.0.1:9';

const server = useExecutionServer();

test('nobody is registered: a friendly line on stderr, an empty list in JSON', PATIENCE, async () => {
  const env = { TURBOCI_SERVER: server.current.address };
  expect(await turboci(['runners'], { env })).toMatchObject({ code: 0, stdout: '', stderr: 'no runners\n' });
  expect(await turboci(['runners', '--type', 'x'], { env })).toMatchObject({
    code: 0,
    stderr: 'no runners of type x\n',
  });
  const { code, stdout, stderr } = await turboci(['runners', '--json'], { env });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{"runners":[]}\n', stderr: '' });
});

test('a line for each registration: how it is called, its load, how long it is believed', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const other = await Scene.open(server);
  const [type, otherType] = [scene.runnerType, other.runnerType];
  const busy = await scene.runner({ maxConcurrent: 2 });
  await scene.plan.write({ stages: [scene.sync('build', { hold: true })] });
  await busy.until('start', 'build');
  await scene.register('pu\u202eller', { maxConcurrent: 0 });
  await other.register('away', { address: NOBODY, supportedModes: [ExecutionMode.SYNC] });
  await other.plan.write({ stages: [other.sync('build')] });
  await other.untilListed('suspended', ({ suspended }) => suspended);

  const env = { TURBOCI_SERVER: server.current.address };
  const { code, stdout, stderr } = await turboci(['runners'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^RUNNER +TYPE +MODES +ADDRESS +LOAD +HEARTBEAT +EXPIRES$/u);
  const row = (first: string): string | undefined => lines.find((line) => line.startsWith(`${first} `));
  const times = String.raw`[\d.]+m?s ago +in \S+`;
  expect(row(busy.runnerId)).toMatch(new RegExp(` ${type} +SYNC,ASYNC +${busy.address} +1/2 +${times}$`, 'u'));
  expect(row('puller')).toMatch(new RegExp(` ${type} +SYNC,ASYNC +pulls +0/∞ +${times}$`, 'u'));
  expect(row('away')).toMatch(new RegExp(` ${otherType} +SYNC +${NOBODY} +0/∞ +${times} +suspended$`, 'u'));
  expect(lines).toHaveLength(4);

  const ofType = await turboci(['runners', '--type', otherType, '--json'], { env });
  expect(JSON.parse(ofType.stdout)).toMatchObject({
    runners: [{ runnerId: 'away', runnerType: otherType, address: NOBODY, suspended: true }],
  });
  await busy.release();
  await scene.plan.untilOver();
  await other.plan.cancel();
});
