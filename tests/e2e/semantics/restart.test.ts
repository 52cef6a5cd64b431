import { expect, test } from 'vitest';
import {
  AttemptState,
  CheckState,
  DependencyCondition,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, any, atLeast, onCheck, onStage } from './harness/groups.ts';
import { useServer } from './harness/server.ts';

const server = useServer();

test('semantics 1, 5–7: half-resolved groups, goals and families go on after a restart on the same file', async () => {
  const { id } = await server.plan();
  let plan = server.open(id);
  await plan.write({
    checks: [
      ...['a', 'b', 'c', 'd'].map((target) => ({ id: target })),
      { id: 'and', state: CheckState.PLANNED, dependencies: all(onCheck('a'), onCheck('b')) },
      {
        id: 'two-of',
        state: CheckState.PLANNED,
        dependencies: atLeast(2, onCheck('a', DependencyCondition.FAILED), onCheck('b'), onCheck('c')),
      },
      {
        id: 'nested',
        state: CheckState.PLANNED,
        dependencies: any(all(onCheck('a', DependencyCondition.FAILED), onCheck('d')), all(onCheck('c'), onCheck('a'))),
      },
      { id: 'goal' },
    ],
    stages: [
      { id: 's', assignments: [{ targetCheckId: 'goal' }] },
      { id: 't', assignments: [{ targetCheckId: 'goal' }] },
      { id: 'after', dependencies: all(onStage('s'), onStage('t', DependencyCondition.SUCCEEDED)) },
      { id: 'retried', executionPolicy: { maxAttempts: 2 } },
    ],
  });
  await plan.write({
    attempt: { stageId: 's', attemptIdx: 1 },
    stages: [{ id: 'child', dependencies: all(onCheck('b')) }],
  });
  await plan.pass('a');
  await plan.complete('s');
  await plan.attempt('retried', { processUid: 'one', state: AttemptState.INCOMPLETE });
  const before = await plan.snapshot();
  const told = await plan.history();

  await server.restart();
  plan = server.open(id);
  const { version } = before.plan;
  expect((await plan.history()).slice(0, told.length), 'events are never edited').toEqual(told);
  const state = async (check: string) => (await plan.check(check)).state;
  expect([await state('and'), await state('two-of'), await state('nested')]).toEqual(Array(3).fill(CheckState.PLANNED));
  await plan.pass('b');
  expect([await state('and'), await state('two-of'), await state('nested')]).toEqual([
    CheckState.WAITING,
    CheckState.PLANNED,
    CheckState.PLANNED,
  ]);
  await plan.pass('c');
  expect([await state('two-of'), await state('nested')]).toEqual([CheckState.WAITING, CheckState.WAITING]);
  expect(await plan.stage('s')).toMatchObject({ state: StageState.AWAITING_GROUP });
  await plan.complete('child');
  expect(await plan.stage('s')).toMatchObject({ state: StageState.FINAL, outcome: Outcome.SUCCEEDED });
  await plan.complete('t');
  expect(await plan.check('goal')).toMatchObject({ state: CheckState.FINAL, outcome: Outcome.SUCCEEDED });
  expect(await plan.stage('after')).toMatchObject({ state: StageState.ATTEMPTING });
  await plan.attempt('retried', { attemptIdx: 2, state: AttemptState.INCOMPLETE });
  expect(await plan.stage('retried')).toMatchObject({ outcome: Outcome.FAILED, attempts: [{ idx: 1 }, { idx: 2 }] });
  expect((await plan.get()).version).toBeGreaterThan(version);
});
