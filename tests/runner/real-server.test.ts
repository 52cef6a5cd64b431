import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome, WorkPlanState } from '../../gen/turboci/v1/common_pb.js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { root, Turboci, turboci } from '../cli/turboci.ts';
import { milliseconds } from '../execution/harness/milliseconds.ts';
import { MortalServer } from '../execution/harness/mortal-server.ts';
import { Scene } from '../execution/harness/scene.ts';
import { scratchFolder } from '../support/scratch.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { held, start, stopCause } from './runners.ts';

const ways = ['pull', 'serve'] as const;
const PATIENCE = { timeout: 60_000 };

/** A plan on a server of its own that can be killed, and what runners of its type are started with. */
async function scene() {
  const server = await MortalServer.start();
  const played = await Scene.open(server, { commit: 'abc' });
  const { handler, of, calls } = held();
  const runner = (mode: 'pull' | 'serve', over = {}) =>
    start({ mode, server: played.address, handlers: { [played.runnerType]: handler }, ttlMs: 3_000, ...over });
  /** The handler's call for a stage's attempt. */
  const call = async (stageId: string, attemptIdx = 1) => {
    const { task } = await waitFor(`${stageId}, attempt ${attemptIdx}`, () =>
      calls.find(({ task }) => task.stageId === stageId && task.attemptIdx === attemptIdx),
    );
    return of(task.executionId);
  };
  return { server, scene: played, plan: played.plan, runner, call, calls };
}

test.each(ways)('%s: task, progress, answer, and the stage that follows', PATIENCE, async (mode) => {
  const { scene: played, plan, runner, call } = await scene();
  const { id } = await runner(mode);
  const assignments = [{ targetCheckId: 'tests' }];
  await plan.write({
    checks: [{ id: 'tests', kind: 'unit', options: { strict: true }, state: CheckState.PLANNED }],
    stages: [played.async('build', { ms: 1 }, { assignments })],
  });
  const { task, context, answer } = await call('build');
  expect(task).toMatchObject({
    planId: plan.id,
    stageId: 'build',
    attemptIdx: 1,
    args: { acts: [{ ms: 1 }] },
    checks: [{ id: 'tests', kind: 'unit', options: { strict: true } }],
    metadata: { commit: 'abc' },
  });
  context.progress('half way', { percent: 50, details: { host: 'h' } });
  await context.writeNodes({ stages: [{ id: 'child', runnerType: 'builtin/noop' }] });
  answer({ checks: [{ id: 'tests', data: { passed: 3 } }], details: { seconds: 1 } });
  const build = await plan.untilFinal('build');
  expect(build).toMatchObject({
    outcome: Outcome.SUCCEEDED,
    attempts: [
      { runnerId: id, progressPercent: 50, details: { host: 'h', seconds: 1 }, progress: [{ message: 'half way' }] },
    ],
  });
  expect(await plan.stage('child')).toMatchObject({ parentStageId: 'build', outcome: Outcome.SUCCEEDED });
  expect(await plan.check('tests')).toMatchObject({ outcome: Outcome.SUCCEEDED, results: [{ data: { passed: 3 } }] });
});

test.each(ways)('%s: checks that the answer does not mention are moved by the server', PATIENCE, async (mode) => {
  const { scene: played, plan, runner, call, calls } = await scene();
  await runner(mode);
  const assignments = [{ targetCheckId: 'c' }];
  await plan.write({
    checks: [{ id: 'c', state: CheckState.PLANNED }],
    stages: [played.sync('one', {}, { assignments }), played.async('two', {}, { assignments })],
  });
  const first = await waitFor('a call', () => calls[0]);
  first.answer({ checks: [{ id: 'c', state: CheckState.UNKNOWN, data: { first: true } }] });
  const second = await call(first.task.stageId === 'one' ? 'two' : 'one');
  expect((await plan.check('c')).state).toBe(CheckState.WAITING);
  second.answer({});
  await waitFor('the check', async () => (await plan.check('c')).state === CheckState.FINAL);
  expect(await plan.check('c')).toMatchObject({ outcome: Outcome.SUCCEEDED, results: [{ data: { first: true } }] });
});

test.each(ways)(
  '%s: an execution goes on over kill -9 of the server, and ends in its first attempt',
  PATIENCE,
  async (mode) => {
    const { server, scene: played, plan, runner, call, calls } = await scene();
    const { events } = await runner(mode);
    const executionPolicy = { heartbeatTimeout: milliseconds(10_000) };
    await plan.write({ stages: [played.async('build', {}, { executionPolicy })] });
    const { context, answer } = await call('build');
    await plan.untilStage('build', 'RUNNING', ({ attempts }) => attempts[0]?.state === AttemptState.RUNNING);
    await server.kill();
    context.progress('while you were away');
    answer({ details: { done: true } });
    await waitFor('the outage to be noticed', () => events.some(({ type }) => type === 'problem'));
    await server.again();
    const stage = await played.plan.untilFinal('build');
    expect(stage).toMatchObject({ outcome: Outcome.SUCCEEDED, attempts: [{ idx: 1, details: { done: true } }] });
    expect(stage.attempts).toHaveLength(1);
    await played.plan.write({ stages: [played.sync('next')] });
    (await call('next')).answer({});
    expect(await played.plan.untilFinal('next')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(calls).toHaveLength(2);
  },
);

test('serve: a SYNC execution of a server that was killed is told so, and tried again', PATIENCE, async () => {
  const { server, scene: played, plan, runner, call } = await scene();
  await runner('serve', { maxConcurrent: 2 });
  await plan.write({ stages: [played.sync('build')] });
  const { context, fail } = await call('build');
  await server.kill();
  expect(await stopCause(context)).toMatchObject({ stopCause: 'LOST' });
  fail(context.signal.reason);
  await server.again();
  (await call('build', 2)).answer({});
  expect(await played.plan.untilFinal('build')).toMatchObject({
    attempts: [{ failure: { reason: 'SERVER_RESTART' } }, { state: AttemptState.COMPLETE }],
  });
});

test.each(ways)(
  '%s: a cancelled stage aborts the signal within its grace, and the answer counts',
  PATIENCE,
  async (mode) => {
    const { scene: played, plan, runner, call } = await scene();
    await runner(mode, { maxConcurrent: 2 });
    await plan.write({ stages: [played.async('saved'), played.async('dropped')] });
    const [saved, dropped] = [await call('saved'), await call('dropped')];
    await plan.cancelStage('saved', 'not needed');
    await plan.cancelStage('dropped');
    expect(await stopCause(saved.context)).toMatchObject({ stopCause: 'CANCELLED' });
    expect(await stopCause(dropped.context)).toMatchObject({ stopCause: 'CANCELLED' });
    saved.answer({ details: { saved: true } });
    dropped.fail(dropped.context.signal.reason);
    expect(await plan.untilFinal('saved')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(await plan.untilFinal('dropped')).toMatchObject({
      outcome: Outcome.CANCELLED,
      attempts: [{ failure: { reason: 'CANCELLED' } }],
    });
  },
);

test('a failure is retried, a verdict is not, an answer that is refused says why', PATIENCE, async () => {
  const { scene: played, plan, runner, call } = await scene();
  await runner('pull', { maxConcurrent: 5 });
  await plan.write({ stages: [played.sync('flaky'), played.sync('hopeless'), played.sync('liar')] });
  (await call('flaky')).fail(new Error('no disk'));
  (await call('hopeless')).answer({ failure: { message: 'never', reason: 'NEVER', retry: false } });
  (await call('liar')).answer({ checks: [{ id: 'no-such-check' }] });
  (await call('flaky', 2)).answer({});
  (await call('liar', 2)).answer({});
  expect(await plan.untilFinal('flaky')).toMatchObject({
    outcome: Outcome.SUCCEEDED,
    attempts: [{ failure: { message: 'no disk', reason: 'EXECUTOR_FAILURE' } }, {}],
  });
  expect(await plan.untilFinal('hopeless')).toMatchObject({
    concludedReason: ConcludedReason.ATTEMPT_BLOCKED_RETRY,
    attempts: [{ failure: { message: 'never', reason: 'NEVER' } }],
  });
  expect(await plan.untilFinal('liar')).toMatchObject({
    attempts: [
      {
        failure: {
          reason: 'RUNNER_ERROR',
          message: expect.stringMatching(/^the answer was refused: .*no-such-check/u),
        },
      },
      {},
    ],
  });
});

test.each(ways)('%s: what a stopping runner could not end is taken up by another', PATIENCE, async (mode) => {
  const { scene: played, plan, runner, call } = await scene();
  const first = await runner(mode);
  await plan.write({ stages: [played.async('build')] });
  await call('build');
  const second = await runner(mode);
  await within('the stop', first.stop({ graceMs: 0 }));
  expect((await played.listed()).map(({ runnerId }) => runnerId)).toEqual([second.id]);
  (await call('build', 2)).answer({});
  expect(await plan.untilFinal('build')).toMatchObject({
    outcome: Outcome.SUCCEEDED,
    attempts: [{ runnerId: first.id, failure: { reason: 'RUNNER_STOPPED' } }, { runnerId: second.id }],
  });
});

test('a runner that was forgotten registers again by itself', PATIENCE, async () => {
  const { scene: played, plan, runner, call } = await scene();
  await runner('pull', { ttlMs: 3_600_000 });
  await plan.write({ stages: [played.sync('one')] });
  const { answer } = await call('one');
  const { registrationId } = await played.only();
  await played.client.call(TurboCIOrchestrator.method.unregisterStageRunner, { registrationId });
  await plan.write({ stages: [played.sync('two')] });
  answer({});
  (await call('two')).answer({});
  expect(await plan.untilFinal('two')).toMatchObject({ outcome: Outcome.SUCCEEDED });
});

test.each(ways)('%s: 200 stages, eight at a time', PATIENCE, async (mode) => {
  const { scene: played, plan } = await scene();
  let [running, most] = [0, 0];
  const handlers = {
    [played.runnerType]: async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
  };
  const { events } = await start({ mode, server: played.address, handlers, maxConcurrent: 8 });
  const ids = Array.from({ length: 200 }, (_, at) => `s${at}`);
  await plan.write({ stages: ids.map((id, at) => (at % 2 === 0 ? played.sync(id) : played.async(id))) });
  const isOver = async () => (await plan.get()).state === WorkPlanState.COMPLETE;
  await waitFor('the end of the plan', isOver, 40_000);
  expect(await plan.get()).toMatchObject({ outcome: Outcome.SUCCEEDED });
  const { stages } = await plan.query({ includeStages: true });
  expect(stages.every(({ attempts }) => attempts.length === 1)).toBe(true);
  expect(most).toBeLessThanOrEqual(8);
  expect(events.filter(({ type }) => type === 'problem')).toEqual([]);
  expect(await played.only()).toMatchObject({ currentLoad: 0 });
});

test('serve: types that share one slot all get their turn', PATIENCE, async () => {
  const { scene: played, plan } = await scene();
  const types = [played.runnerType, `${played.runnerType}-b`];
  let [running, most] = [0, 0];
  const handler = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  const handlers = Object.fromEntries(types.map((type) => [type, handler]));
  const { events } = await start({ mode: 'serve', server: played.address, handlers });
  const ids = Array.from({ length: 40 }, (_, at) => `s${at}`);
  const stages = ids.map((id, at) => ({
    ...(at % 4 < 2 ? played.sync(id) : played.async(id)),
    runnerType: types[at % 2] ?? '',
  }));
  await plan.write({ stages });
  await waitFor('the end of the plan', async () => (await plan.get()).state === WorkPlanState.COMPLETE);
  expect((await plan.query({ includeStages: true })).stages.every(({ attempts }) => attempts.length === 1)).toBe(true);
  const { runners } = await played.client.call(TurboCIOrchestrator.method.listStageRunners, {});
  expect(runners.map(({ suspended }) => suspended)).toEqual([false, false]);
  expect(most).toBe(1);
  expect(events.filter(({ type }) => type === 'problem')).toEqual([]);
});

test('the examples execute their plan', PATIENCE, async () => {
  const server = await MortalServer.start();
  const { address } = server.current;
  for (const name of ['sync', 'async', 'pull']) example(name, address);
  const publish = ['--type', 'publish', '--exec', join(root, 'examples/runners/exec-runner.sh')];
  const program = new Turboci(['runner', '--server', address, ...publish]);
  const { code, stdout } = await turboci(['run', 'examples/runners/plan.yaml', '--server', address]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/compile +attempt 1 of 3 failed: the compiler ran out of memory/u);
  expect(stdout).toContain('8 succeeded');
  program.child.kill('SIGTERM');
  expect(await program.ended).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('publish | publishing demo-1.0.tgz'),
  });
});

test('a program adds stages to its plan with `turboci add`, as children of its own', PATIENCE, async () => {
  const { scene: played, plan } = await scene();
  const folder = await scratchFolder();
  const add = `${process.execPath} ${join(root, 'src/cli/main.ts')} add - > ${folder}/added`;
  const command = `echo 'stages: {child: {noop: , answers: []}}' | ${add}`;
  const args = ['runner', '--type', played.runnerType, '--exec', command, '--server', played.address];
  const program = new Turboci(args);
  await program.output(/registered/u);
  await plan.write({ stages: [played.sync('parent')] });
  expect(await plan.untilFinal('parent')).toMatchObject({ outcome: Outcome.SUCCEEDED });
  expect(await plan.stage('child')).toMatchObject({ parentStageId: 'parent', outcome: Outcome.SUCCEEDED });
  expect(readFileSync(join(folder, 'added'), 'utf8')).toBe(`added to plan ${plan.id}: child\n`);
});

/** One of the runners in examples/; killed after the test. */
function example(name: string, address: string): void {
  const script = join(root, `examples/runners/${name}-runner.ts`);
  const child = spawn(process.execPath, [script, address], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
}
