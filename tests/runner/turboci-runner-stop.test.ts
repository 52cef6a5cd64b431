import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, onTestFinished, test } from 'vitest';
import { StageState } from '../../gen/turboci/v1/common_pb.js';
import { scratch } from '../cli/turboci.ts';
import { waitFor } from '../support/wait-for.ts';
import { reportOf, runner } from './executing-command.ts';
import { execution, FakeServer } from './fake-server.ts';

test('a cancelled program gets SIGTERM and may still answer', async () => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const command = `trap 'echo "{\\"details\\": {\\"saved\\": true}}"; exit 0' TERM; touch ${folder}/began; while :; do sleep 0.05; done`;
  await runner(server, command);
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(1_000) }));
  await waitFor('the program to run', () => existsSync(join(folder, 'began')));
  server.script.update = () => ({ cancelRequested: true });
  expect(await server.received('complete')).toMatchObject([{ stageState: StageState.FINAL, details: { saved: true } }]);
});

test('a program that does not heed SIGTERM is killed, with all of its descendants', { timeout: 60_000 }, async () => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const command = `trap '' TERM; (sh -c 'echo $$ > ${folder}/pid; exec sleep 600') & wait; sleep 600`;
  await runner(server, command);
  server.offer(execution('e1', { heartbeatTimeout: durationFromMs(1_000) }));
  const pid = await pidIn(join(folder, 'pid'));
  server.script.update = () => ({ cancelRequested: true });
  const [report] = await waitFor(
    'the report',
    () => server.requests('complete').length > 0 && server.requests('complete'),
    30_000,
  );
  expect(report).toMatchObject({
    stageState: StageState.UNKNOWN,
    failure: { message: 'the stage was cancelled: the program was ended by SIGKILL', reason: 'CANCELLED' },
  });
  await waitFor('the descendant to be gone', () => !isAlive(pid));
});

test('what a program leaves running does not outlive it', async () => {
  const folder = await scratch();
  const { report } = await reportOf(`sleep 600 & echo $! > ${folder}/pid; echo '{"details": {"n": 1}}'`);
  expect(report).toMatchObject({ details: { n: 1 } });
  const pid = await pidIn(join(folder, 'pid'));
  await waitFor('the descendant to be gone', () => !isAlive(pid));
});

test.each(['SIGKILL', 'two signals'])('no program survives the runner (%s)', async (how) => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const cli = await runner(server, `echo $$ > ${folder}/pid; exec sleep 600`);
  server.offer(execution('e1'));
  const pid = await pidIn(join(folder, 'pid'));
  if (how === 'SIGKILL') cli.child.kill('SIGKILL');
  else {
    cli.child.kill('SIGTERM');
    await server.received('unregister');
    expect(isAlive(pid)).toBe(true);
    cli.child.kill('SIGTERM');
    expect((await cli.ended).code).toBe(143);
  }
  await waitFor('the program to be gone', () => !isAlive(pid));
});

test('SIGTERM lets the program end, and reports; after the grace it is stopped', async () => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const command = `touch ${folder}/$TURBOCI_EXECUTION_ID; while [ ! -e ${folder}/go ]; do sleep 0.02; done`;
  const patient = await runner(server, command);
  server.offer(execution('e1'));
  await waitFor('the program to run', () => existsSync(join(folder, 'e1')));
  patient.child.kill('SIGINT');
  await server.received('unregister');
  writeFileSync(join(folder, 'go'), '');
  expect((await patient.ended).code).toBe(0);
  expect(server.requests('complete')).toMatchObject([{ executionId: 'e1', stageState: StageState.FINAL }]);

  const hasty = await runner(server, `touch ${folder}/$TURBOCI_EXECUTION_ID; exec sleep 600`, {
    args: ['--grace', '10ms'],
  });
  server.offer(execution('e2'));
  await waitFor('the program to run', () => existsSync(join(folder, 'e2')));
  hasty.child.kill('SIGTERM');
  expect((await hasty.ended).code).toBe(0);
  expect(server.requests('complete').at(-1)).toMatchObject({
    failure: { message: 'the runner stops: the program was ended by SIGTERM', reason: 'RUNNER_STOPPED' },
  });
});

async function pidIn(path: string): Promise<number> {
  const pid = await waitFor(`a process id in ${path}`, () => existsSync(path) && Number(readFileSync(path, 'utf8')));
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/u.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
