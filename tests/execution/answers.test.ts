import { describe, expect, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome, StageState } from '../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from '../e2e/semantics/harness/groups.ts';
import { lastAttempt } from '../e2e/semantics/harness/plan.ts';
import { type Expected, refused } from '../e2e/semantics/harness/refusal.ts';
import { inHand, reportedKinds } from './harness/in-hand.ts';
import { Scene } from './harness/scene.ts';
import { useExecutionServer } from './harness/server.ts';
import { expectUnset } from './harness/unset.ts';

const server = useExecutionServer({ limits: { resultsPerCheck: 2 } });
const final = { state: StageState.FINAL, outcome: Outcome.SUCCEEDED } as const;

/** Checks in every state that an answer may meet; `late` waits for `gate`. */
const checks = [
  { id: 'unit', state: CheckState.PLANNED },
  { id: 'gate', state: CheckState.PLANNED },
  { id: 'late', state: CheckState.PLANNED, dependencies: all(onCheck('gate')) },
  {
    id: 'over',
    state: CheckState.FINAL,
    result: { ownerType: 'ci', ownerId: '1', failure: { message: 'known to fail' } },
  },
];
const good = { checkId: 'unit', state: CheckState.FINAL, resultData: { passed: 10 } };
const pass = { checkId: 'gate', state: CheckState.FINAL };

/** Updates that refuse the whole answer, and how. */
const wrong: readonly {
  what: string;
  update: { checkId: string; state?: CheckState; resultData?: { early: boolean } };
  expected: Expected;
}[] = [
  {
    what: 'a check that the plan lacks',
    update: { checkId: 'no-such-check', state: CheckState.FINAL },
    expected: { code: 'INVALID_ARGUMENT', reason: 'UNKNOWN_TARGET', field: 'check_updates[1].check_id' },
  },
  {
    what: 'a way back',
    update: { checkId: 'gate', state: CheckState.PLANNING },
    expected: { code: 'FAILED_PRECONDITION' },
  },
  {
    what: 'WAITING while dependencies are open',
    update: { checkId: 'late', state: CheckState.WAITING },
    expected: { code: 'FAILED_PRECONDITION' },
  },
  {
    what: 'a result of a check that takes none yet',
    update: { checkId: 'late', resultData: { early: true } },
    expected: { code: 'FAILED_PRECONDITION' },
  },
];

describe.each(reportedKinds)('a report with one update that is wrong (%s)', (kind) => {
  test.each(wrong)('$what: it is refused as a whole, and may be corrected', async ({ update, expected }) => {
    const { scene, executionId, attempt } = await inHand(server, kind, {}, { checks });
    const before = await scene.plan.snapshot();
    await refused(scene.complete(executionId, { checkUpdates: [good, update], details: { a: 1 } }), expected);
    await scene.plan.expectUnchanged(before);
    expect(await attempt()).toMatchObject({ executionId });
    expectUnset(await attempt(), 'failure', 'endedAt');
    expect(await scene.complete(executionId, { checkUpdates: [good, pass] })).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject({ ...final, attempts: [{ state: AttemptState.COMPLETE }] });
    expect(await scene.plan.check('unit')).toMatchObject({
      state: CheckState.FINAL,
      results: [{ ownerId: 'build:1' }],
    });
  });

  test('one result beyond the limit of a check: it is refused as a whole, and may be corrected', async () => {
    const { scene, executionId } = await inHand(server, kind, {}, { checks });
    for (const ownerId of ['1', '2']) {
      await scene.plan.write({ checks: [{ id: 'unit', result: { ownerType: 'ci', ownerId } }] });
    }
    const before = await scene.plan.snapshot();
    const expected: Expected = { code: 'RESOURCE_EXHAUSTED', reason: 'RESULTS_LIMIT' };
    await refused(scene.complete(executionId, { checkUpdates: [pass, good] }), expected);
    await scene.plan.expectUnchanged(before);
    expect(await scene.complete(executionId, { checkUpdates: [pass] })).toBe(true);
    expect(await scene.plan.stage('build')).toMatchObject(final);
  });
});

describe('an answer of Run that is wrong', () => {
  test.each([
    ...wrong.map(({ what, update }) => ({ what, answer: { checkUpdates: [good, update] } })),
    {
      what: 'a stage state that ends nothing',
      answer: { checkUpdates: [good], stageState: 20 },
    },
  ])('$what: nothing of it is taken, INCOMPLETE(RUNNER_ERROR), retried', async ({ answer }) => {
    const scene = await Scene.open(server);
    await scene.runner();
    const retry = { answer: { checkUpdates: [{ checkId: 'gate', state: 'CHECK_STATE_FINAL' }] } };
    await scene.plan.write({ checks, stages: [scene.sync('build', [{ answer }, retry])] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject(final);
    expect(stage.attempts).toMatchObject([
      { state: AttemptState.INCOMPLETE, failure: { reason: 'RUNNER_ERROR' } },
      { state: AttemptState.COMPLETE },
    ]);
    expect(await scene.plan.check('unit')).toMatchObject({ state: CheckState.WAITING, results: [] });
    expect(await scene.plan.check('gate')).toMatchObject({ state: CheckState.FINAL });
  });
});

describe('an update', () => {
  test('of a check that is FINAL is left out and noted, and the rest applies', async () => {
    const scene = await Scene.open(server);
    await scene.runner();
    const checkUpdates = [
      { checkId: 'over', state: 'CHECK_STATE_FINAL', resultData: { passed: 1 } },
      { ...good, state: 40 },
    ];
    await scene.plan.write({ checks, stages: [scene.sync('build', { answer: { checkUpdates } })] });
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject(final);
    const { progress } = lastAttempt(stage);
    expect(progress).toHaveLength(1);
    expect(progress[0]?.message).toMatch(/CHECK_ALREADY_FINAL.*over/);
    const [owner] = (await scene.plan.check('over')).results;
    expect(await scene.plan.check('over')).toMatchObject({ outcome: Outcome.FAILED, results: [owner] });
    expect(await scene.plan.check('unit')).toMatchObject({
      state: CheckState.FINAL,
      results: [{ data: { passed: 10 } }],
    });
  });

  test('without a state moves no check; its result is finalized with the attempt', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', {}, { checks });
    await scene.complete(executionId, { checkUpdates: [{ checkId: 'unit', resultData: { passed: 10 } }] });
    expect(await scene.plan.check('unit')).toMatchObject({
      state: CheckState.WAITING,
      results: [{ ownerId: 'build:1', data: { passed: 10 }, finalizedAt: expect.anything() }],
    });
  });

  test('with a failure of its own keeps it: message, reason and time', async () => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', {}, { checks });
    const occurredAt = { seconds: 1_700_000_000n, nanos: 250_000_000 };
    const failure = { message: 'expected 2, was 3', reason: 'ASSERTION', occurredAt };
    await scene.complete(executionId, {
      checkUpdates: [
        { ...good, failure },
        { ...pass, failure: { message: 'now' } },
      ],
    });
    expect(await scene.plan.check('unit')).toMatchObject({ outcome: Outcome.FAILED, results: [{ failure }] });
    const [now] = (await scene.plan.check('gate')).results;
    expect(now?.failure).toMatchObject({ message: 'now', occurredAt: expect.anything() });
  });
});

describe('an answer with a failure', () => {
  const failure = { message: 'no disk', reason: 'INFRA', occurredAt: { seconds: 1_700_000_000n, nanos: 0 } };

  test.each(reportedKinds)('that is retried keeps its updates as results and moves no check (%s)', async (kind) => {
    const retry = { answer: { checkUpdates: [{ checkId: 'unit', state: 'CHECK_STATE_FINAL' }] } };
    const more = { checks: [...checks, { id: 'plan' }], retry };
    const { scene, executionId } = await inHand(server, kind, { executionPolicy: { maxAttempts: 2 } }, more);
    const checkUpdates = [
      { ...good, failure: { message: 'flaky' } },
      { ...pass, resultData: { gate: 1 } },
      { checkId: 'late', state: CheckState.FINAL, resultData: { late: 1 } },
      { checkId: 'plan', state: CheckState.PLANNED, resultData: { plan: 1 } },
    ];
    await scene.complete(executionId, { checkUpdates, failure, details: { disk: 'full' } });
    const state = async (id: string) => (await scene.plan.check(id)).state;
    expect([await state('gate'), await state('late'), await state('plan')]).toEqual([
      CheckState.WAITING,
      CheckState.PLANNED,
      CheckState.PLANNING,
    ]);
    if (kind === 'ACQUIRE') {
      const [second] = await scene.acquire({
        runnerId: `${scene.runnerType}-hand`,
        waitMs: 10_000,
        held: [executionId],
      });
      expect(second).toMatchObject({ attemptIdx: 2 });
      await scene.complete(second?.executionId ?? '', { checkUpdates: [{ checkId: 'unit', state: CheckState.FINAL }] });
    }
    const stage = await scene.plan.untilFinal('build');
    expect(stage).toMatchObject(final);
    expect(stage.attempts[0]).toMatchObject({ state: AttemptState.INCOMPLETE, failure, details: { disk: 'full' } });
    const kept = { ownerType: 'stage_attempt', ownerId: 'build:1', finalizedAt: expect.anything() };
    expect((await scene.plan.check('unit')).results[0]).toMatchObject({ ...kept, failure: { message: 'flaky' } });
    expect((await scene.plan.check('unit')).outcome, 'a superseded result does not count').toBe(Outcome.SUCCEEDED);
    expect((await scene.plan.check('gate')).results).toMatchObject([{ ...kept, data: { gate: 1 } }]);
    expect((await scene.plan.check('late')).results).toMatchObject([{ ...kept, data: { late: 1 } }]);
    expect((await scene.plan.check('plan')).results).toMatchObject([{ ...kept, data: { plan: 1 } }]);
  });

  test.each([
    { what: 'a verdict', stageState: StageState.FINAL, reason: ConcludedReason.ATTEMPT_BLOCKED_RETRY, maxAttempts: 3 },
    {
      what: 'the last attempt',
      stageState: StageState.UNKNOWN,
      reason: ConcludedReason.NO_RETRIES_LEFT,
      maxAttempts: 1,
    },
  ])('of $what applies its updates with their states', async ({ stageState, reason, maxAttempts }) => {
    const { scene, executionId } = await inHand(server, 'RUN_ASYNC', { executionPolicy: { maxAttempts } }, { checks });
    await scene.complete(executionId, { stageState, failure, checkUpdates: [good, pass], details: { a: 1 } });
    const stage = await scene.plan.stage('build');
    expect(stage).toMatchObject({ state: StageState.FINAL, outcome: Outcome.FAILED, concludedReason: reason });
    expect(stage.attempts).toMatchObject([{ state: AttemptState.INCOMPLETE, failure, details: { a: 1 } }]);
    expect(await scene.plan.check('unit')).toMatchObject({
      state: CheckState.FINAL,
      results: [{ data: { passed: 10 } }],
    });
    expect(await scene.plan.check('late')).toMatchObject({ state: CheckState.WAITING });
  });
});
