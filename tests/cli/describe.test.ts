import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { AttemptState, ExecutionMode, StageState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { milliseconds } from '../execution/harness/milliseconds.ts';
import { Scene } from '../execution/harness/scene.ts';
import { useExecutionServer } from '../execution/harness/server.ts';
import { turboci } from './turboci.ts';

const PATIENCE = { timeout: 60_000 };
const NOBODY = '127.0.0.1:9';
const TIME = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
const SPAN = String.raw`[\d.]+m?s`;

const server = useExecutionServer({ processExecutor: true });

/** The text of `turboci describe` about a stage of the scene's plan. */
async function described({ plan, address }: Scene, stage: string, ...options: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await turboci(['describe', plan.id, stage, '--server', address, ...options]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('a command that failed: why, what it needed and answers, each attempt with its output', PATIENCE, async () => {
  const scene = await Scene.open(server, { name: 'nightly' });
  const command = 'seq 20; echo "attempt $TURBOCI_ATTEMPT_IDX" >&2; exit 7';
  const succeeded = { targetType: 2, targetId: 'prepare', condition: 2 };
  const edges = [succeeded, { targetType: 1, targetId: 'gate', condition: 3 }];
  await scene.plan.write({
    checks: [{ id: 'gate' }, { id: 'quality' }],
    stages: [
      { id: 'prepare', runnerType: 'builtin/noop' },
      {
        id: 'build',
        runnerType: 'builtin/process',
        args: { command },
        assignments: [{ targetCheckId: 'quality' }],
        dependencies: { predicate: 2, dependencies: edges },
        executionPolicy: { maxAttempts: 2, stageTimeout: milliseconds(3_600_000) },
      },
    ],
  });
  const { attempts } = await scene.plan.untilFinal('build');
  const text = await described(scene, 'build');
  expect(text.split('\n')[0]).toBe(`stage build of nightly (plan ${scene.plan.id})`);
  expect(text).toContain(
    '  state      FINAL, failed: the last attempt that its policy allows failed (NO_RETRIES_LEFT)\n' +
      '  runner     builtin/process, in the server\n' +
      '  policy     2 attempts of at most 5m00s, waits of up to 1ms × 2 up to 10ms between them, all of it within 1h00m\n',
  );
  expect(text).toContain(
    '  needs      any of:\n' +
      '               ✔ stage prepare: succeeded\n' +
      '               · check gate, when failed: planning\n' +
      '  answers    check quality: failed\n',
  );
  const first = text.slice(text.indexOf('attempt 1 of 2'), text.indexOf('attempt 2 of 2'));
  expect(first).toMatch(
    new RegExp(
      `^attempt 1 of 2: incomplete after ${SPAN}
  failure    the command ended with exit status 7 \\(EXECUTOR_FAILURE\\)
  execution  ${attempts[0]?.executionId}
  queued     ${TIME}
  started    ${TIME}, after ${SPAN}
  ended      ${TIME}, after ${SPAN}
`,
      'u',
    ),
  );
  expect(first).toMatch(/\n {2}details {4}exit_code: 7\n {13}duration_ms: \d+\n/u);
  expect(first).not.toMatch(/tail:/u);
  // The last 15 lines, and the whole log on request.
  expect(first).not.toMatch(/│ 5\n/u);
  expect(first).toMatch(/\n {2}output {5}│ 7\n(?: {13}│ \d+\n){13} {13}│ attempt 1\n\n$/u);
  const whole = await described(scene, 'build', '--logs');
  expect(whole.match(/ │ 1\n/gu)).toHaveLength(2);
  expect(whole).toMatch(/ │ 20\n {4}│ attempt 2\n$/u);

  const log = String(lastAttempt(await scene.plan.stage('build')).details?.log);
  await rm(log);
  expect(await described(scene, 'build', '--logs')).toContain(
    `  log        ${log}\n    │ not readable here (ENOENT): it is on the machine where the attempt was executed\n`,
  );
});

test('a stage that waits for a runner: whether there are any, and why none takes it', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const type = scene.runnerType;
  await scene.plan.write({ stages: [scene.sync('build')] });
  const waits = `  state      ATTEMPTING: attempt 1 waits for a runner of type ${type} in mode SYNC`;
  const text = await described(scene, 'build');
  expect(text).toContain(`${waits}: none is registered\n`);
  expect(text).toContain(`  runner     ${type}, mode SYNC\n`);
  expect(text).toMatch(/\nattempt 1 of 3: queued\n/u);

  await scene.register('accepting', { address: NOBODY, supportedModes: [ExecutionMode.ASYNC] });
  expect(await described(scene, 'build')).toContain(`${waits}: 1 is registered, 1 only in another mode\n`);
  await scene.register('away', { address: NOBODY, supportedModes: [ExecutionMode.SYNC] });
  await expect.poll(async () => (await scene.listed()).some(({ suspended }) => suspended)).toBe(true);
  expect(await described(scene, 'build')).toContain(
    `${waits}: 2 are registered, 1 only in another mode, 1 suspended\n`,
  );
  await scene.plan.cancel('not needed');
  const cancelled = await described(scene, 'build');
  expect(cancelled).toContain('  state      FINAL, cancelled: it was cancelled, or its plan (CANCELLED)\n');
  expect(cancelled).toMatch(new RegExp(`\\n  cancelled  ${TIME}\\n`, 'u'));
  expect(cancelled).toContain('  failure    not needed (CANCELLED)\n');
});

test('a runner at work: how far it is, what is due when, and nothing that moves the cursor', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const policy = { heartbeatTimeout: milliseconds(60_000), attemptTimeout: milliseconds(3_600_000), maxAttempts: 2 };
  const updates = Array.from({ length: 25 }, (_, at) => ({ message: `step ${at + 1}`, progressPercent: 2 * at + 2 }));
  const details = { shard: { index: 3 }, note: 'red \u001b[31mtext\u202e' };
  const act = { hold: true, updates: [...updates, { message: 'last \u001b[2Jstep', details }] };
  const runner = await scene.runner({ maxConcurrent: 1 });
  const stages = [scene.async('build', act, { executionPolicy: policy }), scene.async('next')];
  await scene.plan.write({ stages });
  await runner.until('update', 'build', 26);

  const text = await described(scene, 'build');
  expect(text).toMatch(new RegExp(`ATTEMPTING: attempt 1 running for ${SPAN} on ${runner.runnerId}\n`, 'u'));
  expect(text).toContain(', a heartbeat every 1m00s\n');
  expect(text).toMatch(new RegExp(`\n {2}runner {5}${runner.runnerId}\n`, 'u'));
  expect(text).toMatch(new RegExp(`\n {2}deadline {3}${TIME}, in (?:59m\\d\\ds|1h00m)\n`, 'u'));
  expect(text).toMatch(new RegExp(`\n {2}heartbeat {2}${TIME}, in (?:${SPAN}|1m00s)\n`, 'u'));
  expect(text).toContain('\n  percent    50%\n');
  expect(text).toMatch(/\n {2}progress {3}… 6 earlier; --all shows them\n +\S+ {2}14% {2}step 7\n/u);
  expect(text).toMatch(new RegExp(`\n +${SPAN}  50%  step 25\n +${SPAN}  last step\n`, 'u'));
  expect(text).toContain('\n  details    shard:\n               index: 3\n             note: ');
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(await described(scene, 'build', '--all')).toMatch(/\n {2}progress +\S+ {2}2% {2}step 1\n/u);
  expect(await described(scene, 'next')).toContain('in mode ASYNC: 1 is registered, 1 busy\n');

  const json = await turboci(['describe', scene.plan.id, 'build', '--server', scene.address, '--json']);
  const stage = JSON.parse(json.stdout);
  expect(stage).toMatchObject({ id: 'build', state: 'STAGE_STATE_ATTEMPTING', runnerType: scene.runnerType });
  expect(stage.attempts[0].progress).toHaveLength(26);
  await runner.release();
  await scene.plan.untilOver();
});

test('a retry that waits for its backoff says how long', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const hour = milliseconds(3_600_000);
  const policy = { backoffInitial: hour, backoffMax: hour };
  await scene.runner();
  await scene.plan.write({ stages: [scene.sync('build', { do: 'fail' }, { executionPolicy: policy })] });
  await scene.plan.untilStage('build', 'failed once', ({ attempts }) => attempts.length === 2);
  const text = await described(scene, 'build');
  expect(text).toMatch(/ATTEMPTING: attempt 2 retried in [\dhms.]+\n/u);
  expect(text).toMatch(
    new RegExp(`attempt 1 of 3: incomplete after ${SPAN}\n {2}failure {4}it failed \\(BROKEN_TEST\\)`, 'u'),
  );
  expect(text).toMatch(
    new RegExp(`attempt 2 of 3: retried in \\S+\n {2}queued {5}${TIME}\n {2}available {2}${TIME}\n`, 'u'),
  );
  await scene.plan.cancel();
});

test('children, and who is their parent; an attempt that a writer holds', PATIENCE, async () => {
  const scene = await Scene.open(server);
  const { plan } = scene;
  await plan.write({ stages: [{ id: 'parent' }] });
  await plan.attempt('parent', { state: AttemptState.RUNNING, processUid: 'me' });
  const attempt = { stageId: 'parent', attemptIdx: 1, processUid: 'me' };
  await plan.write({ attempt, stages: [{ id: 'child-1' }, { id: 'child-2', runnerType: 'builtin/noop' }] });
  await plan.untilFinal('child-2');
  await plan.complete('parent');
  const text = await described(scene, 'parent');
  expect(text).toContain('  state      AWAITING_GROUP: its own work is done, waits for its children\n');
  expect(text).toContain('  runner     whoever wrote the stage\n');
  expect(text).toContain('  children   stage child-1: attempting\n             stage child-2: succeeded\n');
  expect(text).toMatch(new RegExp(`attempt 1 of 3: complete after ${SPAN}\n {2}held by {4}me\n`, 'u'));
  expect(await described(scene, 'child-1')).toContain('  added by   stage parent\n');

  const explicit = { dependencies: [{ targetType: 2, targetId: 'child-2', condition: 1 }] };
  await plan.write({ stages: [{ id: 'other', continuationGroup: explicit }] });
  expect(await described(scene, 'other')).toMatch(/\n {2}continues {2}[·✔] stage child-2, when final: succeeded\n/u);
  await plan.writeStage({ id: 'child-1', state: StageState.FINAL });
  await plan.cancel();
});

test('a stage that is not there: exit status 66, with a guess; a plan that is not there', PATIENCE, async () => {
  const scene = await Scene.open(server);
  await scene.plan.write({ stages: [{ id: 'build' }] });
  const { code, stdout, stderr } = await turboci(['describe', scene.plan.id, 'biuld', '--server', scene.address]);
  expect({ code, stdout }).toEqual({ code: 66, stdout: '' });
  expect(stderr).toContain(`plan ${scene.plan.id} has no stage "biuld"; did you mean "build"? (NODE_NOT_FOUND)`);
  const none = await turboci(['describe', 'no-such-plan', 'build', '--server', scene.address, '--json']);
  expect(none.code).toBe(66);
  expect(JSON.parse(none.stderr)).toMatchObject({ error: { reason: 'WORK_PLAN_NOT_FOUND' } });
  await scene.plan.cancel();
});
