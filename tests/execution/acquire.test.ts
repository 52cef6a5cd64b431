import { describe, expect, test } from 'vitest';
import { AttemptState, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { type Expected, refused } from '../e2e/semantics/harness/refusal.ts';
import { RpcError } from '../support/rpc-error.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { inMilliseconds, milliseconds } from './harness/milliseconds.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { mostAtOnce, spans } from './harness/work-log.ts';

const server = useExecutionServer();
const runnerId = 'puller';
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `s${index}`);

/** A scene with a registered runner that only pulls, by calls of the test. */
async function pulled(maxConcurrent = 0): Promise<Scene> {
  const scene = await Scene.open(server, { branch: 'main' });
  await scene.register(runnerId, { maxConcurrent });
  return scene;
}

describe('a runner that pulls', () => {
  test('in a process of its own executes stages of both modes within its capacity', async () => {
    const scene = await Scene.open(server);
    const runner = await scene.runner({ serves: false, pullWaitMs: 10_000, maxConcurrent: 3 });
    const ids = names(20);
    const stages = ids.map((id, index) => (index % 2 === 0 ? scene.sync(id, { ms: 20 }) : scene.async(id, { ms: 20 })));
    await scene.plan.write({ stages });
    await scene.plan.untilOver();
    expect(await scene.plan.get()).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(spans(runner)).toHaveLength(20);
    expect(mostAtOnce(spans(runner))).toBeLessThanOrEqual(3);
    expect(runner.seen('start').every(({ kind }) => kind === 'ACQUIRE')).toBe(true);
    expect(await scene.only()).toMatchObject({ address: '', currentLoad: 0 });
  });

  test('gets every field of RunRequest, of an attempt that is RUNNING for it', async () => {
    const scene = await pulled();
    await scene.plan.write({
      checks: [{ id: 'unit', kind: 'tests', options: { suite: 'fast' } }],
      stages: [
        scene.async(
          'build',
          { ms: 1 },
          {
            assignments: [{ targetCheckId: 'unit' }],
            executionPolicy: { attemptTimeout: milliseconds(90_000), heartbeatTimeout: milliseconds(30_000) },
          },
        ),
      ],
    });
    const executions = await scene.acquire({ runnerId });
    const attempt = lastAttempt(await scene.plan.stage('build'));
    expect(attempt).toMatchObject({ state: AttemptState.RUNNING, runnerId, startedAt: expect.anything() });
    expect(executions).toMatchObject([
      {
        executionId: attempt.executionId,
        workPlanId: scene.plan.id,
        stageId: 'build',
        attemptIdx: 1,
        assignedCheckIds: ['unit'],
        args: { acts: [{ ms: 1 }] },
        checkOptions: [{ checkId: 'unit', kind: 'tests', options: { suite: 'fast' } }],
        deadline: attempt.deadline,
        runnerType: scene.runnerType,
        metadata: { branch: 'main' },
        heartbeatTimeout: milliseconds(30_000),
      },
    ]);
    expect(inMilliseconds(attempt.deadline) - Date.now()).toBeGreaterThan(60_000);
    expect(attempt.processUid).toBe(attempt.executionId);
    await scene.complete(attempt.executionId);
    expect(await scene.plan.stage('build')).toMatchObject({ outcome: Outcome.SUCCEEDED });
  });

  test('is not called, though runners that are called have the same type', async () => {
    const scene = await pulled();
    await scene.plan.write({ stages: [scene.sync('one')] });
    expect(lastAttempt(await scene.plan.stage('one'))).toMatchObject({ state: AttemptState.PENDING, executionId: '' });
    const pushed = await scene.runner();
    await scene.plan.untilFinal('one');
    expect(pushed.seen('start')).toHaveLength(1);
  });
});

describe('AcquireStageExecutions', () => {
  test('answers at once without a wait, work or no work', async () => {
    const scene = await pulled();
    expect(await within('an answer', scene.acquire({ runnerId }), 3000)).toEqual([]);
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await within('an answer', scene.acquire({ runnerId }), 3000)).toMatchObject([{ stageId: 'build' }]);
  });

  test('answers nothing when its wait is over', async () => {
    const scene = await pulled();
    const calledAt = performance.now();
    expect(await scene.acquire({ runnerId, waitMs: 1200 })).toEqual([]);
    const waited = performance.now() - calledAt;
    expect(waited).toBeGreaterThan(1150);
    expect(waited).toBeLessThan(5000);
  });

  test('gets work that appears while it waits, at once', async () => {
    const scene = await pulled();
    const delays: number[] = [];
    for (const id of names(10)) {
      const polling = scene.acquire({ runnerId, waitMs: 20_000 });
      // A call that waits answers nothing; a round trip on the same connection follows it.
      await scene.only();
      const writtenAt = performance.now();
      await scene.plan.write({ stages: [scene.sync(id)] });
      const [execution] = await polling;
      delays.push(performance.now() - writtenAt);
      expect(execution).toMatchObject({ stageId: id });
      await scene.complete(execution?.executionId ?? '');
    }
    console.log(`from the write's begin to the puller's answer: ${delays.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    expect(Math.max(...delays)).toBeLessThan(1000);
  });

  test('gets a retry whose backoff ends while it waits', async () => {
    const scene = await pulled();
    await scene.plan.write({ stages: [scene.sync('build')] });
    const [first] = await scene.acquire({ runnerId });
    await scene.complete(first?.executionId ?? '', { failure: { message: 'again' } });
    expect(await scene.acquire({ runnerId, waitMs: 20_000 })).toMatchObject([{ stageId: 'build', attemptIdx: 2 }]);
  });

  test('answers as many as are asked for at most, the longest waiting first', async () => {
    const scene = await pulled();
    for (const id of names(5)) await scene.plan.write({ stages: [scene.sync(id)] });
    const ids = async (max: number, held: readonly string[]) => {
      const executions = await scene.acquire({ runnerId, max, held });
      return executions.map(({ executionId, stageId }) => ({ executionId, stageId }));
    };
    const first = await ids(2, []);
    expect(first.map(({ stageId }) => stageId)).toEqual(['s0', 's1']);
    const rest = await ids(
      10,
      first.map(({ executionId }) => executionId),
    );
    expect(rest.map(({ stageId }) => stageId)).toEqual(['s2', 's3', 's4']);
  });

  test('never exceeds max_concurrent, and goes on when there is room', async () => {
    const scene = await pulled(2);
    await scene.plan.write({ stages: names(5).map((id) => scene.sync(id)) });
    const held = (await scene.acquire({ runnerId, max: 10 })).map(({ executionId }) => executionId);
    expect(held).toHaveLength(2);
    expect(await scene.only()).toMatchObject({ currentLoad: 2 });
    expect(await scene.acquire({ runnerId, max: 10, held })).toEqual([]);
    const polling = scene.acquire({ runnerId, max: 10, held, waitMs: 20_000 });
    await scene.only();
    await scene.complete(held[0] ?? '');
    expect(await within('room to be used', polling, 5000)).toHaveLength(1);
  });

  test('asks for some types, or for all that the runner is registered for', async () => {
    const scene = await pulled();
    const other = `${scene.runnerType}-other`;
    await scene.register(runnerId, { runnerType: other });
    const stages = (suffix: string) => [
      scene.sync(`plain-${suffix}`),
      { ...scene.sync(`other-${suffix}`), runnerType: other },
    ];
    await scene.plan.write({ stages: stages('a') });
    expect(await scene.acquire({ runnerId, runnerTypes: [other], max: 10 })).toMatchObject([
      { stageId: 'other-a', runnerType: other },
    ]);
    expect(await scene.acquire({ runnerId, max: 10 })).toMatchObject([{ stageId: 'plain-a' }]);
    const all = `${scene.runnerType}-all`;
    await scene.register(all, { runnerType: other });
    await scene.register(all);
    await scene.plan.write({ stages: stages('b') });
    const got: string[] = [];
    const held: string[] = [];
    while (got.length < 2) {
      const executions = await scene.acquire({ runnerId: all, runnerTypes: [], max: 10, waitMs: 10_000, held });
      expect(executions).not.toEqual([]);
      got.push(...executions.map(({ stageId }) => stageId));
      held.push(...executions.map(({ executionId }) => executionId));
    }
    expect(got.toSorted()).toEqual(['other-b', 'plain-b']);
  });

  test('gives each attempt to one of those who wait', async () => {
    const scene = await pulled();
    const ids = names(8);
    for (const id of ids) await scene.register(id);
    const polls = ids.map((id) => scene.acquire({ runnerId: id, waitMs: 20_000 }));
    await scene.only().catch(() => {});
    await scene.plan.write({ stages: ids.map((id) => scene.sync(id)) });
    const got = (await within('all to get work', Promise.all(polls))).flat();
    expect(got.map(({ stageId }) => stageId).toSorted()).toEqual(ids);
  });

  test.each([
    { what: 'without a runner', change: { runnerId: '' }, field: 'runner_id' },
    { what: 'for fewer than none', change: { max: -1 }, field: 'max_executions' },
    { what: 'with a negative wait', change: { waitMs: -1000 }, field: 'wait' },
  ])('is refused $what', async ({ change, field }) => {
    const scene = await pulled();
    const expected: Expected = { code: 'INVALID_ARGUMENT', field };
    await refused(scene.acquire({ runnerId, ...change }), expected);
  });

  test('is refused to runners that are not registered, for that type, or no longer', async () => {
    const scene = await pulled();
    const unknown: Expected = { code: 'NOT_FOUND', reason: 'REGISTRATION_NOT_FOUND' };
    await refused(scene.acquire({ runnerId: 'stranger' }), unknown);
    await refused(scene.acquire({ runnerId: 'stranger', waitMs: 20_000 }), unknown);
    await refused(scene.acquire({ runnerId, runnerTypes: [`${scene.runnerType}-other`] }), unknown);
    const { registrationId } = await scene.register(runnerId);
    await scene.unregister(registrationId);
    await refused(scene.acquire({ runnerId }), unknown);
    expect((await scene.plan.query()).stages).toEqual([]);
  });

  test('answers one when it is asked for none', async () => {
    const scene = await pulled();
    await scene.plan.write({ stages: [scene.sync('one'), scene.sync('two')] });
    expect(await scene.acquire({ runnerId, max: 0 })).toHaveLength(1);
  });

  test.each(['expires', 'ends'])('gets nothing more when the registration %s while it waits', async (how) => {
    const scene = await Scene.open(server);
    const { registrationId } = await scene.register(runnerId, how === 'expires' ? { ttlSeconds: 1n } : {});
    const polling = scene.acquire({ runnerId, waitMs: 3000 }).catch((error: unknown) => error);
    if (how === 'ends') await scene.unregister(registrationId);
    await waitFor('the end of the registration', async () => (await scene.listed()).length === 0);
    await scene.plan.write({ stages: [scene.sync('build')] });
    const answer = await polling;
    if (answer instanceof RpcError) expect(answer.code).toBe('NOT_FOUND');
    else expect(answer).toEqual([]);
    expect(lastAttempt(await scene.plan.stage('build'))).toMatchObject({
      state: AttemptState.PENDING,
      executionId: '',
    });
  });

  test('waits for 60 s at most; more is no error', async () => {
    const scene = await pulled();
    const polling = scene.acquire({ runnerId, waitMs: 3_600_000 });
    await scene.only();
    await scene.plan.write({ stages: [scene.sync('build')] });
    expect(await polling).toMatchObject([{ stageId: 'build' }]);
    expect((await scene.plan.stage('build')).state).toBe(StageState.ATTEMPTING);
  });
});
