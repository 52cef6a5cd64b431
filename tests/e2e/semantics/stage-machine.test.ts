import { describe, expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  ConcludedReason,
  DependencyCondition,
  ExecutionMode,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, any, onCheck } from './harness/groups.ts';
import { lastAttempt, type StageWriteInit, type TestPlan } from './harness/plan.ts';
import type { Expected } from './harness/refusal.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL } = StageState;
const states = { PLANNED, ATTEMPTING, AWAITING_GROUP, FINAL };
type Name = keyof typeof states;

const illegal: Expected = { code: 'FAILED_PRECONDITION', reason: 'ILLEGAL_TRANSITION' };
const open: Expected = { code: 'FAILED_PRECONDITION', reason: ['DEPENDENCIES_OPEN', 'ILLEGAL_TRANSITION'] };
const final: Expected = { code: 'FAILED_PRECONDITION', reason: ['NODE_FINAL', 'ILLEGAL_TRANSITION'] };
const immutable: Expected = { code: 'FAILED_PRECONDITION', reason: ['IMMUTABLE_FIELD', 'NODE_FINAL'] };
const gated = all(onCheck('gate'));

/** Brings stage `s` to where a cell of the table starts. `gate` is a check that is not FINAL. */
const arrange: Readonly<Record<'new' | Name, (plan: TestPlan) => Promise<unknown>>> = {
  new: (plan) => plan.write({ checks: [{ id: 'gate' }] }),
  PLANNED: (plan) => plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', dependencies: gated }] }),
  ATTEMPTING: (plan) => plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's' }] }),
  AWAITING_GROUP: async (plan) => {
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', continuationGroup: gated }] });
    await plan.complete('s');
  },
  FINAL: async (plan) => {
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's' }] });
    await plan.complete('s');
  },
};

async function planWith(from: 'new' | Name): Promise<TestPlan> {
  const plan = await server.plan();
  await arrange[from](plan);
  if (from !== 'new') expect((await plan.stage('s')).state).toBe(states[from]);
  return plan;
}

describe('semantics 3: the table of stage states, by a writer', () => {
  type Cell = { from: 'new' | Name; to: Name; with?: StageWriteInit; verdict: Name | 'no-op' | Expected };
  const cells: readonly Cell[] = [
    { from: 'new', to: 'PLANNED', verdict: 'ATTEMPTING' },
    { from: 'new', to: 'PLANNED', with: { dependencies: gated }, verdict: 'PLANNED' },
    { from: 'new', to: 'ATTEMPTING', verdict: 'ATTEMPTING' },
    { from: 'new', to: 'ATTEMPTING', with: { dependencies: gated }, verdict: open },
    { from: 'new', to: 'AWAITING_GROUP', verdict: illegal },
    { from: 'new', to: 'FINAL', verdict: illegal },
    { from: 'PLANNED', to: 'PLANNED', verdict: 'no-op' },
    { from: 'PLANNED', to: 'ATTEMPTING', verdict: open },
    { from: 'PLANNED', to: 'AWAITING_GROUP', verdict: illegal },
    { from: 'PLANNED', to: 'FINAL', verdict: 'FINAL' },
    { from: 'ATTEMPTING', to: 'PLANNED', verdict: illegal },
    { from: 'ATTEMPTING', to: 'ATTEMPTING', verdict: 'no-op' },
    { from: 'ATTEMPTING', to: 'AWAITING_GROUP', with: { continuationGroup: gated }, verdict: 'AWAITING_GROUP' },
    { from: 'ATTEMPTING', to: 'AWAITING_GROUP', verdict: 'FINAL' },
    { from: 'ATTEMPTING', to: 'FINAL', verdict: 'FINAL' },
    { from: 'AWAITING_GROUP', to: 'PLANNED', verdict: illegal },
    { from: 'AWAITING_GROUP', to: 'ATTEMPTING', verdict: illegal },
    { from: 'AWAITING_GROUP', to: 'AWAITING_GROUP', verdict: 'no-op' },
    { from: 'AWAITING_GROUP', to: 'FINAL', verdict: 'FINAL' },
    { from: 'FINAL', to: 'PLANNED', verdict: final },
    { from: 'FINAL', to: 'ATTEMPTING', verdict: final },
    { from: 'FINAL', to: 'AWAITING_GROUP', verdict: final },
    { from: 'FINAL', to: 'FINAL', verdict: 'no-op' },
  ];

  test.each(cells)('$from → $to with $with: $verdict', async ({ from, to, with: fields, verdict }) => {
    const plan = await planWith(from);
    const write = { stages: [{ ...fields, id: 's', state: states[to] }] };
    if (verdict === 'no-op') {
      const { stages } = await plan.ignores(write);
      expect(stages[0]?.state).toBe(states[to]);
    } else if (typeof verdict === 'string') {
      const { stages } = await plan.write(write);
      expect(stages[0]?.state).toBe(states[verdict]);
      expect(await plan.stage('s')).toEqual(stages[0]);
    } else {
      await plan.refuses(write, verdict);
    }
  });

  test.each(['before', 'after'])('new → ATTEMPTING in the write that satisfies it (gate %s)', async (order) => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 'first' }] });
    const stages = [
      { id: 's', state: ATTEMPTING, dependencies: { dependencies: [{ targetType: 2, targetId: 'first' }] } },
    ];
    const ending = [{ id: 'first', currentAttempt: { state: AttemptState.COMPLETE } }];
    await plan.write({ stages: order === 'before' ? [...ending, ...stages] : [...stages, ...ending] });
    expect(await plan.stage('s')).toMatchObject({ state: ATTEMPTING, version: 1n });
  });

  test('PLANNED → ATTEMPTING in the write that satisfies it', async () => {
    const plan = await planWith('PLANNED');
    await plan.write({ checks: [{ id: 'gate', state: CheckState.FINAL }], stages: [{ id: 's', state: ATTEMPTING }] });
    expect(await plan.stage('s')).toMatchObject({ state: ATTEMPTING, version: 2n });
  });

  test('entering ATTEMPTING creates attempt 1, PENDING and unclaimed', async () => {
    const plan = await planWith('PLANNED');
    expect((await plan.stage('s')).attempts).toEqual([]);
    await plan.pass('gate');
    const { attempts, outcome, concludedReason } = await plan.stage('s');
    expect(attempts).toMatchObject([{ idx: 1, state: AttemptState.PENDING, processUid: '', executionId: '' }]);
    expect(outcome).toBe(Outcome.UNKNOWN);
    expect(concludedReason).toBe(ConcludedReason.UNKNOWN);
  });

  test('one of several bad: nothing is written', async () => {
    const plan = await planWith('FINAL');
    const good: StageWriteInit[] = [{ id: 'fresh' }, { id: 'more', dependencies: gated }];
    await plan.refuses(
      { checks: [{ id: 'gate', state: CheckState.FINAL }], stages: [...good, { id: 's', state: PLANNED }] },
      final,
    );
  });
});

describe('semantics 3: leaving ATTEMPTING ends the live attempt', () => {
  test('FINAL: COMPLETE, SUCCEEDED', async () => {
    const plan = await planWith('ATTEMPTING');
    const stage = await plan.writeStage({ id: 's', state: FINAL });
    expect(stage).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      concludedReason: ConcludedReason.ATTEMPT_COMPLETE,
      attempts: [{ state: AttemptState.COMPLETE }],
    });
    expect(stage.attempts[0]?.endedAt).toBeDefined();
  });

  test('FINAL with a failure: INCOMPLETE, FAILED, no further attempt', async () => {
    const plan = await planWith('ATTEMPTING');
    const stage = await plan.writeStage({
      id: 's',
      state: FINAL,
      failure: { message: 'gave up', reason: 'EXECUTOR_FAILURE' },
    });
    expect(stage).toMatchObject({
      state: FINAL,
      outcome: Outcome.FAILED,
      concludedReason: ConcludedReason.ATTEMPT_BLOCKED_RETRY,
      attempts: [{ state: AttemptState.INCOMPLETE, failure: { message: 'gave up', reason: 'EXECUTOR_FAILURE' } }],
    });
    expect(stage.attempts).toHaveLength(1);
  });

  test('AWAITING_GROUP: COMPLETE, its own work concluded', async () => {
    const plan = await planWith('AWAITING_GROUP');
    const stage = await plan.stage('s');
    expect(stage.attempts).toMatchObject([{ state: AttemptState.COMPLETE }]);
    expect(await plan.writeStage({ id: 's', state: FINAL })).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      concludedReason: ConcludedReason.ATTEMPT_COMPLETE,
    });
  });

  test('FINAL by a writer does not wait for the continuation group', async () => {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }], stages: [{ id: 's', continuationGroup: gated }] });
    expect(await plan.writeStage({ id: 's', state: FINAL })).toMatchObject({
      state: FINAL,
      outcome: Outcome.SUCCEEDED,
    });
  });

  test('the server goes on from AWAITING_GROUP when the group is satisfied', async () => {
    const plan = await planWith('AWAITING_GROUP');
    await plan.pass('gate');
    expect(await plan.stage('s')).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
  });
});

describe('semantics 4: the fence holds for a move of the stage too', () => {
  const me = { attemptIdx: 1, processUid: 'holder' };

  test('with another uid or another index it is refused', async () => {
    const plan = await server.plan();
    await plan.writeStage({ id: 's', currentAttempt: me });
    const fenced: Expected = { code: 'FAILED_PRECONDITION', reason: ['ATTEMPT_CLAIMED', 'STALE_ATTEMPT'] };
    for (const state of [AWAITING_GROUP, FINAL]) {
      await plan.refuses({ stages: [{ id: 's', state, currentAttempt: { processUid: 'other' } }] }, fenced);
      await plan.refuses({ stages: [{ id: 's', state, currentAttempt: { attemptIdx: 2 } }] }, fenced);
    }
  });

  test('the holder may report in the same write', async () => {
    const plan = await server.plan();
    await plan.writeStage({ id: 's', currentAttempt: me });
    const report = { ...me, details: { a: 1 }, progress: { message: 'done' } };
    const stage = await plan.writeStage({ id: 's', state: FINAL, currentAttempt: report });
    expect(stage).toMatchObject({ state: FINAL, outcome: Outcome.SUCCEEDED });
    expect(stage.attempts).toMatchObject([
      { state: AttemptState.COMPLETE, details: { a: 1 }, progress: [{ message: 'done' }] },
    ]);
  });
});

describe('semantics 3: outcome and concluded_reason', () => {
  const one = { maxAttempts: 1 };
  const cases = [
    { name: 'COMPLETE', act: (plan: TestPlan) => plan.complete('s'), outcome: 'SUCCEEDED', reason: 'ATTEMPT_COMPLETE' },
    {
      name: 'INCOMPLETE, the last attempt of the policy',
      act: (plan: TestPlan) => plan.attempt('s', { state: AttemptState.INCOMPLETE }),
      outcome: 'FAILED',
      reason: 'NO_RETRIES_LEFT',
    },
    {
      name: 'INCOMPLETE, further ones blocked',
      act: (plan: TestPlan) => plan.attempt('s', { state: AttemptState.INCOMPLETE, blockNewAttempts: true }),
      policy: { maxAttempts: 5 },
      outcome: 'FAILED',
      reason: 'ATTEMPT_BLOCKED_RETRY',
    },
    { name: 'cancelled', act: (plan: TestPlan) => plan.cancelStage('s'), outcome: 'CANCELLED', reason: 'CANCELLED' },
    {
      name: 'dependencies unsatisfied',
      dependencies: all(onCheck('gate', DependencyCondition.SUCCEEDED)),
      act: (plan: TestPlan) => plan.reject('gate'),
      outcome: 'SKIPPED',
      reason: 'DEPENDENCIES_UNSATISFIED',
    },
    {
      name: 'skipped by a writer',
      dependencies: gated,
      act: (plan: TestPlan) => plan.writeStage({ id: 's', state: FINAL }),
      outcome: 'SKIPPED',
      reason: 'SKIPPED_BY_WRITER',
    },
  ] as const;
  test.each(cases)('$name: $outcome, $reason', async (given) => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'gate' }],
      stages: [
        {
          id: 's',
          executionPolicy: 'policy' in given ? given.policy : one,
          ...('dependencies' in given ? { dependencies: given.dependencies } : {}),
        },
      ],
    });
    await given.act(plan);
    expect(await plan.stage('s')).toMatchObject({
      state: FINAL,
      outcome: Outcome[given.outcome],
      concludedReason: ConcludedReason[given.reason],
    });
  });

  test('COMPLETE does not say that tests passed: the check FAILED, its stage SUCCEEDED', async () => {
    const plan = await server.plan();
    await plan.write({
      checks: [{ id: 'c', state: CheckState.PLANNED }],
      stages: [{ id: 's', assignments: [{ targetCheckId: 'c' }] }],
    });
    const result = { ownerType: 'stage_attempt', ownerId: 's:1', failure: { message: 'tests fail' } };
    await plan.writeCheck({ id: 'c', result });
    await plan.complete('s');
    expect(await plan.stage('s')).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(await plan.check('c')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.FAILED });
  });
});

describe("semantics 3: a writer's FINAL over an unclaimed retry", () => {
  async function retried(): Promise<TestPlan> {
    const plan = await planWith('ATTEMPTING');
    await plan.attempt('s', { processUid: 'p1', failure: { message: 'disk full', reason: 'EXECUTOR_FAILURE' } });
    expect(await plan.stage('s')).toMatchObject({ state: ATTEMPTING, attempts: [{ idx: 1 }, { idx: 2 }] });
    return plan;
  }

  test('concludes FAILED with the earlier failure', async () => {
    const plan = await retried();
    const stage = await plan.writeStage({ id: 's', state: FINAL });
    expect(stage).toMatchObject({ state: FINAL, outcome: Outcome.FAILED });
    expect(lastAttempt(stage)).toMatchObject({
      idx: 2,
      state: AttemptState.INCOMPLETE,
      failure: { message: 'disk full', reason: 'EXECUTOR_FAILURE' },
    });
  });

  test('is an ordinary end when the retry is claimed', async () => {
    const plan = await retried();
    await plan.attempt('s', { processUid: 'p2' });
    expect(await plan.writeStage({ id: 's', state: FINAL })).toMatchObject({ outcome: Outcome.SUCCEEDED });
  });

  test('with a failure of its own keeps that one', async () => {
    const plan = await retried();
    const stage = await plan.writeStage({ id: 's', state: FINAL, failure: { message: 'enough' } });
    expect(stage).toMatchObject({ outcome: Outcome.FAILED });
    expect(lastAttempt(stage)).toMatchObject({ state: AttemptState.INCOMPLETE, failure: { message: 'enough' } });
  });
});

describe('semantics 3: creation-only fields', () => {
  const creation: StageWriteInit = {
    id: 's',
    args: { target: 'x', list: [1, { a: null }] },
    assignments: [{ targetCheckId: 'c', goalState: CheckState.FINAL }],
    dependencies: any(onCheck('gate'), all(onCheck('other'))),
    executionMode: ExecutionMode.ASYNC,
    runnerType: '',
    executionPolicy: { maxAttempts: 2, backoffMultiplier: 3, backoffInitial: { seconds: 2n, nanos: 0 } },
  };
  const others: readonly { field: string; write: StageWriteInit }[] = [
    { field: 'args', write: { args: { target: 'y' } } },
    { field: 'assignments', write: { assignments: [{ targetCheckId: 'other', goalState: CheckState.FINAL }] } },
    { field: 'assignments', write: { assignments: [{ targetCheckId: 'c', goalState: CheckState.PLANNED }] } },
    { field: 'dependencies', write: { dependencies: all(onCheck('gate')) } },
    { field: 'execution_mode', write: { executionMode: ExecutionMode.SYNC } },
    { field: 'runner_type', write: { runnerType: 'docker' } },
    { field: 'execution_policy', write: { executionPolicy: { maxAttempts: 4 } } },
  ];
  const reach: Readonly<Record<Name, (plan: TestPlan) => Promise<unknown>>> = {
    PLANNED: async () => undefined,
    ATTEMPTING: (plan) => plan.pass('gate'),
    AWAITING_GROUP: async (plan) => {
      await plan.pass('gate');
      await plan.writeStage({ id: 's', state: AWAITING_GROUP, continuationGroup: all(onCheck('later')) });
    },
    FINAL: async (plan) => {
      await plan.pass('gate');
      await plan.complete('s');
    },
  };

  async function created(state: Name): Promise<TestPlan> {
    const plan = await server.plan();
    await plan.write({ checks: [{ id: 'gate' }, { id: 'other' }, { id: 'c' }, { id: 'later' }], stages: [creation] });
    await reach[state](plan);
    expect(await plan.stage('s')).toMatchObject({ state: states[state] });
    return plan;
  }

  const everyState = ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL'] as const;
  test.each(everyState)('in %s an equal or unset repeat is a no-op', async (state) => {
    const plan = await created(state);
    await plan.ignores({ stages: [creation] });
    await plan.ignores({ stages: [{ id: 's' }] });
    await plan.ignores({ stages: [{ id: 's', args: { list: [1, { a: null }], target: 'x' } }] });
  });

  test.each(everyState)('in %s different values are refused', async (state) => {
    const plan = await created(state);
    for (const { write } of others) await plan.refuses({ stages: [{ ...write, id: 's' }] }, immutable);
  });

  test('the stage shows what it was created with', async () => {
    const plan = await created('PLANNED');
    const stage = await plan.stage('s');
    expect(stage.args).toEqual(creation.args);
    expect(stage.assignments).toMatchObject([{ targetCheckId: 'c', goalState: CheckState.FINAL }]);
    expect(stage).toMatchObject({ executionMode: ExecutionMode.ASYNC, runnerType: '', parentStageId: '' });
    expect(stage.executionPolicy).toMatchObject({
      maxAttempts: 2,
      backoffMultiplier: 3,
      backoffInitial: { seconds: 2n },
    });
    expect(stage.dependencies).toMatchObject({ predicate: 2, groups: [{ predicate: 1 }] });
  });

  test('api: unset means SYNC; semantics 4: an unset policy takes the defaults', async () => {
    const plan = await server.plan();
    const { executionMode, executionPolicy } = await plan.writeStage({ id: 's' });
    expect(executionMode).toBe(ExecutionMode.SYNC);
    expect(executionPolicy).toMatchObject({
      maxAttempts: 3,
      attemptTimeout: { seconds: 300n },
      backoffInitial: { seconds: 1n },
      backoffMultiplier: 2,
      backoffMax: { seconds: 60n },
    });
    expect(executionPolicy?.heartbeatTimeout?.seconds ?? 0n).toBe(0n);
    expect(executionPolicy?.stageTimeout?.seconds ?? 0n).toBe(0n);
  });
});
