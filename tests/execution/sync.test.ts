import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';
import { spans } from './harness/work-log.ts';

const server = useExecutionServer();
const final = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;

describe('a stage that a runner executes by Run', () => {
  test('is called once, RUNNING while it works, and SUCCEEDED with its answer', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    await scene.plan.write({ stages: [scene.sync('build', { hold: true, answer: { details: { log: 'x.txt' } } })] });
    const { executionId } = await runner.until('start', 'build');
    const running = await scene.plan.untilStage('build', 'RUNNING', (stage) => {
      return lastAttempt(stage).state === AttemptState.RUNNING;
    });
    expect(running).toMatchObject({ state: StageState.ATTEMPTING });
    expect(lastAttempt(running)).toMatchObject({ idx: 1, executionId, processUid: executionId });
    expect(lastAttempt(running)).toMatchObject({ runnerId: runner.runnerId });
    expectUnset(lastAttempt(running), 'heartbeatBy', 'endedAt');
    await runner.release('build');
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject({ ...final, concludedReason: ConcludedReason.ATTEMPT_COMPLETE });
    expect(stage.attempts).toMatchObject([
      { state: AttemptState.COMPLETE, executionId, runnerId: runner.runnerId, details: { log: 'x.txt' }, progress: [] },
    ]);
    const { availableAt, startedAt, endedAt } = lastAttempt(stage);
    const times = [availableAt, startedAt, endedAt, lastAttempt(running).deadline].map(inMilliseconds);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(spans(runner)).toHaveLength(1);
    expect((await scene.only()).currentLoad).toBe(0);
  });

  test('gets every field of RunRequest, and a call whose deadline is that of the attempt', async () => {
    const scene = await Scene.open(server, { branch: 'main', 'change-id': '42' });
    const runner = await scene.runner();
    await scene.plan.write({
      checks: [
        { id: 'unit', kind: 'tests', options: { suite: ['fast'], retries: 2 } },
        { id: 'lint', kind: 'style' },
        { id: 'other', options: { not: 'asked' } },
      ],
      stages: [
        scene.sync('build', [{ hold: true }], {
          assignments: [{ targetCheckId: 'unit' }, { targetCheckId: 'lint', goalState: CheckState.PLANNED }],
          executionPolicy: { attemptTimeout: milliseconds(90_000), heartbeatTimeout: milliseconds(45_500) },
        }),
      ],
    });
    const { request, callDeadline, executionId } = await runner.until('start', 'build');
    const { deadline } = lastAttempt(await scene.plan.stage('build'));
    expect(request).toEqual({
      executionId,
      workPlanId: scene.plan.id,
      stageId: 'build',
      attemptIdx: 1,
      assignedCheckIds: ['unit', 'lint'],
      args: { acts: [{ hold: true }] },
      checkOptions: [
        { checkId: 'unit', kind: 'tests', options: { suite: ['fast'], retries: 2 } },
        { checkId: 'lint', kind: 'style', options: {} },
      ],
      deadline: expect.stringMatching(/Z$/),
      runnerType: scene.runnerType,
      metadata: { branch: 'main', 'change-id': '42' },
      heartbeatTimeout: '45.500s',
    });
    const told = Date.parse(String(request?.deadline));
    expect(told).toBe(Math.floor(inMilliseconds(deadline)));
    expect(Math.abs((callDeadline ?? 0) - told), 'the deadline of the call, in ms').toBeLessThan(2000);
    const left = told - Date.now();
    expect(left).toBeLessThanOrEqual(90_000);
    expect(left).toBeGreaterThan(60_000);
    await runner.release();
    expect(await scene.plan.untilFinal('build')).toMatchObject(final);
  });

  test('gets fields that nobody gave as empty messages, not as none', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner();
    const { args: _, ...stage } = { ...scene.sync('bare') };
    await scene.plan.write({ stages: [stage] });
    const { request } = await runner.until('start', 'bare');
    expect(request).toMatchObject({ args: {}, heartbeatTimeout: '0s', deadline: expect.any(String) });
    expect(await scene.plan.untilFinal('bare')).toMatchObject(final);
  });

  test('answers several checks, its own and others, in one revision with its end', async () => {
    const scene = await Scene.open(server);
    await scene.runner();
    const checkUpdates = [
      { checkId: 'good', state: 'CHECK_STATE_FINAL', resultData: { tests: 12 }, finalize: true },
      { checkId: 'bad', state: 'CHECK_STATE_FINAL', failure: { message: '3 of 12 failed', reason: 'TESTS' } },
      { checkId: 'goal', resultData: { size: 7 } },
      { checkId: 'stranger', resultData: { seen: true } },
    ];
    await scene.plan.write({
      checks: ['good', 'bad', 'goal', 'stranger'].map((id) => ({ id, state: CheckState.PLANNED })),
      stages: [
        scene.sync(
          'test',
          { answer: { checkUpdates } },
          {
            assignments: ['good', 'bad', 'goal'].map((targetCheckId) => ({ targetCheckId })),
          },
        ),
      ],
    });
    const stage = await scene.plan.untilFinal('test');
    expect(stage).toMatchObject(final);
    const { checks } = await scene.plan.query({ includeChecks: true });
    const owner = { ownerType: 'stage_attempt', ownerId: 'test:1', finalizedAt: expect.anything() };
    expect(checks).toMatchObject([
      { id: 'good', state: CheckState.FINAL, outcome: Outcome.SUCCEEDED, results: [{ ...owner, data: { tests: 12 } }] },
      {
        id: 'bad',
        state: CheckState.FINAL,
        outcome: Outcome.FAILED,
        results: [{ ...owner, failure: { message: '3 of 12 failed', reason: 'TESTS' } }],
      },
      { id: 'goal', state: CheckState.FINAL, outcome: Outcome.SUCCEEDED, results: [{ ...owner, data: { size: 7 } }] },
      { id: 'stranger', state: CheckState.WAITING, results: [{ ...owner, data: { seen: true } }] },
    ]);
    expect(checks.map(({ revision }) => revision)).toEqual(Array(4).fill(stage.revision));
  });

  test.each(['STAGE_STATE_FINAL', 'STAGE_STATE_AWAITING_GROUP', 'STAGE_STATE_UNKNOWN'])(
    'is SUCCEEDED by an answer of %s without failure',
    async (stageState) => {
      const scene = await Scene.open(server);
      await scene.runner();
      await scene.plan.write({ stages: [scene.sync('build', { answer: { stageState } })] });
      expect(await scene.plan.untilFinal('build')).toMatchObject({ ...final, attempts: [{}] });
    },
  );

  test('is called at an address with the name of a host', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ registers: false });
    await scene.register(runner.runnerId, { address: runner.address.replace('127.0.0.1', 'localhost') });
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await scene.plan.untilFinal('build')).toMatchObject({ ...final, attempts: [{ idx: 1 }] });
  });

  test('gives back the room that it took, whatever the answer', async () => {
    const scene = await Scene.open(server);
    await scene.runner({ maxConcurrent: 1 });
    const acts = [{}, { do: 'fail' }, { do: 'verdict' }, { do: 'error' }, { do: 'lie' }] as const;
    const policy = { executionPolicy: { maxAttempts: 2 } };
    await scene.plan.write({ stages: acts.map((act, index) => scene.sync(`s${index}`, act, policy)) });
    for (const index of acts.keys()) await scene.plan.untilFinal(`s${index}`);
    expect(await scene.only()).toMatchObject({ currentLoad: 0, maxConcurrent: 1 });
  });
});
