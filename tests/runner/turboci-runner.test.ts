import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { CheckState, StageState } from '../../gen/turboci/v1/common_pb.js';
import { CheckOptionsSchema, StageRunner } from '../../gen/turboci/v1/stagerunner_pb.js';
import { jsonLines, root, scratch, Turboci, turboci } from '../cli/turboci.ts';
import { reportOf, runner } from './executing-command.ts';
import { caller, execution, FakeServer, Refusal } from './fake-server.ts';

test('a program gets the request on stdin and its attempt in the environment; its answer is taken from stdout', async () => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const answer = {
    stageState: 'STAGE_STATE_FINAL',
    checkUpdates: [{ checkId: 'c', state: 'CHECK_STATE_FINAL', resultData: { passed: 3 } }],
    details: { note: 'fine' },
  };
  const command = `cat > ${folder}/request; env > ${folder}/env; echo '${JSON.stringify(answer)}'`;
  await runner(server, command, { env: { OWN_VARIABLE: 'mine' } });
  const request = execution('e1', {
    attemptIdx: 2,
    args: { n: 1 },
    assignedCheckIds: ['c'],
    checkOptions: [create(CheckOptionsSchema, { checkId: 'c', kind: 'k', options: { o: true } })],
    metadata: { commit: 'abc' },
    heartbeatTimeout: durationFromMs(60_000),
  });
  server.offer(request);
  const [report] = await server.received('complete');
  expect(report).toMatchObject({
    executionId: 'e1',
    stageState: StageState.FINAL,
    checkUpdates: [{ checkId: 'c', state: CheckState.FINAL, resultData: { passed: 3 } }],
    details: { note: 'fine', exit_code: 0, signal: null, tail: '', duration_ms: expect.any(Number) },
  });
  expect(JSON.parse(readFileSync(join(folder, 'request'), 'utf8'))).toEqual({
    executionId: 'e1',
    workPlanId: 'plan',
    stageId: 'stage-e1',
    attemptIdx: 2,
    assignedCheckIds: ['c'],
    args: { n: 1 },
    checkOptions: [{ checkId: 'c', kind: 'k', options: { o: true } }],
    deadline: expect.stringMatching(/^\d{4}-.*Z$/u),
    runnerType: 't',
    metadata: { commit: 'abc' },
    heartbeatTimeout: '60s',
  });
  const env = readFileSync(join(folder, 'env'), 'utf8').split('\n');
  expect(env).toEqual(
    expect.arrayContaining([
      `TURBOCI_SERVER=${server.address}`,
      'TURBOCI_WORK_PLAN_ID=plan',
      'TURBOCI_STAGE_ID=stage-e1',
      'TURBOCI_ATTEMPT_IDX=2',
      'TURBOCI_EXECUTION_ID=e1',
      'OWN_VARIABLE=mine',
    ]),
  );
});

test('a program that says nothing and ends with 0 has done its work', async () => {
  const { report } = await reportOf('true');
  expect(report).toMatchObject({ stageState: StageState.FINAL, checkUpdates: [], details: { exit_code: 0 } });
  expect(report?.failure).toBeUndefined();
});

test.each([
  [
    'exit status',
    'echo gone wrong >&2; exit 3',
    /^the program ended with exit status 3$/u,
    { exit_code: 3, tail: 'gone wrong' },
  ],
  ['signal', 'kill -9 $$', /^the program was ended by SIGKILL$/u, { exit_code: null, signal: 'SIGKILL' }],
  ['no command', 'no-such-command', /^the program ended with exit status 127$/u, { exit_code: 127 }],
  ['no JSON', 'echo " {hello"', /^stdout begins with \{ and is no answer: .*JSON.*stderr \(>&2\)$/su, { exit_code: 0 }],
  ['two answers', 'echo "{}{}"', /no answer: .*JSON/u, {}],
  ['no answer', `echo '{"checkUpdate": []}'`, /no answer: .*"checkUpdate" is unknown/u, {}],
  ['no state', `echo '{"stageState": 99}'`, /no answer: stageState: there is no state 99;/u, {}],
  [
    'no state of a check',
    `echo '{"checkUpdates": [{"checkId": "c"}, {"checkId": "d", "state": 7}]}'`,
    /no answer: checkUpdates\[1\].state: there is no state 7;/u,
    {},
  ],
  ['no end', `echo '{"stageState": "STAGE_STATE_PLANNED"}'`, /no answer: stageState: .* PLANNED/u, {}],
  ['too much', 'echo {; head -c 17000000 /dev/zero', /^the program answered more than 16777216 bytes$/u, {}],
])('%s of a program is a failure that may be retried', async (_, command, message, details) => {
  const { report } = await reportOf(command);
  expect(report).toMatchObject({
    stageState: StageState.UNKNOWN,
    checkUpdates: [],
    failure: { message: expect.stringMatching(message), reason: 'EXECUTOR_FAILURE' },
    details,
  });
});

test('what a program prints is no answer but output, like stderr', async () => {
  const server = await new FakeServer().start();
  const command = `printf 'cc -c a.c\r\n::progress 50 linking\n'; echo careful >&2; head -c 17000000 /dev/zero; echo; echo done`;
  const cli = await runner(server, command);
  server.offer(execution('e1'));
  const [report] = await server.received('complete');
  expect(report).toMatchObject({
    stageState: StageState.FINAL,
    checkUpdates: [],
    details: { exit_code: 0, tail: expect.stringMatching(/done$/u) },
  });
  expect(report?.failure).toBeUndefined();
  expect(server.requests('update').filter(({ message }) => message !== '')).toMatchObject([
    { message: 'linking', progressPercent: 50 },
  ]);
  cli.child.kill('SIGTERM');
  const { stdout } = await cli.ended;
  const lines = jsonLines(stdout);
  expect(lines).toContainEqual(expect.objectContaining({ event: 'stdout', stage_id: 'stage-e1', line: 'cc -c a.c' }));
  expect(lines).toContainEqual(expect.objectContaining({ event: 'stderr', stage_id: 'stage-e1', line: 'careful' }));
});

test('README: the command that makes `make` a runner', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, command] = /turboci runner .*--type build --exec '([^']+)'/u.exec(readme) ?? expect.fail('no command');
  const folder = await scratch();
  writeFileSync(join(folder, 'Makefile'), 'lint:\n\techo clean\n\ntest:\n\techo broken; false\n');
  const server = await new FakeServer().start();
  const env = { TURBOCI_SERVER: server.address };
  new Turboci(['runner', '--type', 'build', '--exec', command ?? ''], { env, cwd: folder });
  await server.received('register');
  server.offer(execution('e1', { stageId: 'lint', runnerType: 'build' }));
  const [lint] = await server.received('complete');
  expect(lint).toMatchObject({ stageState: StageState.FINAL, details: { exit_code: 0, tail: 'echo clean\nclean' } });
  server.offer(execution('e2', { stageId: 'test', runnerType: 'build' }));
  const [, test] = await server.received('complete', 2);
  expect(test).toMatchObject({
    failure: { message: 'the program ended with exit status 2' },
    details: { tail: expect.stringContaining('broken') },
  });
});

test('with --json what goes wrong is told apart from where', async () => {
  const server = await new FakeServer().start();
  server.script.complete = () => {
    throw new Refusal('NOT_FOUND', 'no such execution');
  };
  const when = '2020-01-01T00:00:00Z';
  const command = `echo '{"failure": {"message": "no", "reason": "R", "occurredAt": "${when}"}}'`;
  const cli = await runner(server, command);
  server.offer(execution('e1'));
  await cli.output(/"event":"ended"/u);
  cli.child.kill('SIGTERM');
  const { stdout } = await cli.ended;
  expect(jsonLines(stdout).slice(-2)).toMatchObject([
    {
      event: 'problem',
      stage_id: 'stage-e1',
      message: 'the answer was not taken: CompleteStageExecution: no such execution (NOT_FOUND)',
    },
    { event: 'ended', failure: { message: 'no', reason: 'R', retry: true, occurred_at: '2020-01-01T00:00:00.000Z' } },
  ]);
});

test('a program may give a verdict, and answers of a check that is not to move', async () => {
  const answer = {
    stage_state: 'STAGE_STATE_FINAL',
    failure: { message: 'cannot work', reason: 'BAD_ARGS' },
    check_updates: [{ check_id: 'c', failure: { message: 'no' } }],
  };
  const { report } = await reportOf(`echo '${JSON.stringify(answer)}'`);
  expect(report).toMatchObject({
    stageState: StageState.FINAL,
    failure: { message: 'cannot work', reason: 'BAD_ARGS' },
    checkUpdates: [{ checkId: 'c', state: CheckState.UNKNOWN, failure: { message: 'no' } }],
  });
});

test('stderr comes through line by line, and lines of progress become progress', async () => {
  const server = await new FakeServer().start();
  const command = `printf 'one\\n::progress 40 half way\\ntwo' >&2; echo '{}'`;
  const plain = new Turboci(['runner', '--type', 't', '--exec', command, '--server', server.address]);
  await plain.output(/^registered for t at /u);
  server.offer(execution('e1'));
  await server.received('complete');
  await plain.output(/^stage-e1 done after \d+ ms$/mu);
  expect(server.requests('update').filter(({ message }) => message !== '')).toMatchObject([
    { message: 'half way', progressPercent: 40 },
  ]);
  plain.child.kill('SIGTERM');
  const { code, stderr, stdout } = await plain.ended;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^stage-e1 \| one\nstage-e1 \| two\n/u);
  expect(stdout).toMatch(/^stage-e1 started \(plan plan, attempt 1\)$/mu);
});

test('--mode serve is called by the server, at the address it names; events are JSON lines', async () => {
  const server = await new FakeServer().start();
  const args = [
    '--mode',
    'serve',
    '--type',
    'u',
    '--max-concurrent',
    '4',
    '--runner-id',
    'me',
    '--metadata',
    'zone=a',
    '--ttl',
    '2m',
  ];
  const cli = await runner(server, 'exit $(sed -n s/.*never//p)', { args });
  await server.received('register', 2);
  const [first] = server.requests('register');
  expect(first).toMatchObject({
    runnerId: 'me',
    runnerType: 't',
    maxConcurrent: 4,
    ttlSeconds: 120n,
    metadata: { zone: 'a' },
    address: expect.stringMatching(/^127\.0\.0\.1:\d+$/u),
  });
  const client = caller(first?.address ?? '');
  const request = execution('e1', { runnerType: 'u' });
  const answer = await client.call(StageRunner.method.run, request, { deadline: Date.now() + 20_000 });
  expect(answer).toMatchObject({ stageState: StageState.FINAL, details: { exit_code: 0 } });
  await cli.output(/"event":"ended"/u);
  cli.child.kill('SIGTERM');
  const { code, stdout } = await cli.ended;
  expect(code).toBe(0);
  expect(jsonLines(stdout)).toMatchObject([
    { event: 'registered', runner_types: ['t', 'u'], server: server.address },
    { event: 'started', execution_id: 'e1', plan_id: 'plan', stage_id: 'stage-e1', attempt_idx: 1, runner_type: 'u' },
    { event: 'ended', execution_id: 'e1', outcome: 'COMPLETE', duration_ms: expect.any(Number) },
  ]);
});

test('what is wrong with the options or the registration ends the command', async () => {
  const server = await new FakeServer().start();
  server.script.register = () => {
    throw new Refusal('INVALID_ARGUMENT', 'runner_type: builtin/ is kept for the server');
  };
  const common = ['runner', '--exec', 'true', '--server', server.address];
  const refused = await turboci([...common, '--type', 'builtin/x']);
  expect(refused).toMatchObject({ code: 64, stdout: '' });
  expect(refused.stderr).toContain('builtin/ is kept for the server');
  expect(await turboci(common)).toMatchObject({ code: 64, stderr: expect.stringContaining('--type') });
  expect(await turboci([...common, '--type', 't', '--listen', '[::]:1'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--mode serve'),
  });
  const bad = [
    ['--ttl', '5'],
    ['--ttl', '10ms'],
    ['--ttl', '25h'],
    ['--max-concurrent', '3000000000'],
    ['--max-concurrent', '1.5'],
  ];
  for (const options of bad) {
    expect(await turboci([...common, '--type', 't', ...options])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining(`'${options.at(-1)}' is invalid`),
    });
  }
  const taken = await turboci([...common, '--type', 't', '--mode', 'serve', '--listen', server.address]);
  expect(taken.code).toBe(69);
  expect(taken.stderr).toMatch(
    new RegExp(`^turboci: cannot listen on ${server.address}: listen EADDRINUSE: .* \\(CANNOT_LISTEN\\)\n  → name `),
  );
});

test('the socket of a runner that was killed is taken over, and its path does not depend on who reads it', async () => {
  const folder = await scratch();
  const server = await new FakeServer().start();
  const args = ['runner', '--type', 't', '--exec', 'true', '--mode', 'serve', '--listen', 'unix:runner.sock'];
  const options = { cwd: folder, env: { TURBOCI_SERVER: server.address } };
  const first = new Turboci(args, options);
  await server.received('register');
  const [, second] = await Promise.all([server.received('register'), turboci(args, options)]);
  expect(second).toMatchObject({ code: 69, stderr: expect.stringContaining('EADDRINUSE') });
  first.child.kill('SIGKILL');
  await first.ended;
  expect(existsSync(join(folder, 'runner.sock'))).toBe(true);
  const third = new Turboci(args, options);
  const [, request] = await server.received('register', 2);
  expect(request?.address).toBe(`unix:${join(folder, 'runner.sock')}`);
  const client = caller(request?.address ?? '');
  expect(await client.call(StageRunner.method.run, execution('e1'))).toMatchObject({ stageState: StageState.FINAL });
  third.child.kill('SIGTERM');
  expect((await third.ended).code).toBe(0);
  expect(existsSync(join(folder, 'runner.sock'))).toBe(false);
});

test('docs/runner-kit.md names every option', async () => {
  const { stdout } = await turboci(['runner', '--help']);
  const options = [...stdout.matchAll(/^ {2}(--[\w-]+)/gmu)].map(([, option]) => option ?? '');
  const page = readFileSync(join(root, 'docs/runner-kit.md'), 'utf8');
  expect(options.length).toBeGreaterThan(10);
  expect(options.filter((option) => !page.includes(`\`${option}`))).toEqual([]);
});

test('a runner waits for its server, and is given up by a signal', async () => {
  const server = await new FakeServer().start();
  server.kill();
  const cli = new Turboci(['runner', '--type', 't', '--exec', 'true', '--json', '--server', server.address]);
  await cli.output(/"event":"problem".*cannot register/u);
  cli.child.kill('SIGINT');
  expect((await cli.ended).code).toBe(130);
});
