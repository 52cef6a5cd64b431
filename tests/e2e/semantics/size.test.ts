import { describe, expect, test } from 'vitest';
import {
  CheckState,
  DependencyCondition,
  NodeView,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../../gen/turboci/v1/common_pb.js';
import { all, onCheck } from './harness/groups.ts';
import { rejected } from './harness/plan.ts';
import { useServer } from './harness/server.ts';

const server = useServer();
const { PLANNED, WAITING, FINAL } = CheckState;
const responseView = NodeView.BASIC;

describe('semantics 5: the work is proportional to the edges touched, without recursion', () => {
  test('a chain of 10,000 checks resolves in one write', async () => {
    const plan = await server.plan();
    const length = 10_000;
    const checks = Array.from({ length }, (_, i) => ({
      id: `c${i}`,
      state: i === 0 ? CheckState.PLANNING : PLANNED,
      dependencies: i === 0 ? {} : all(onCheck(`c${i - 1}`, DependencyCondition.SUCCEEDED)),
    }));
    await plan.write({ checks: checks.toReversed(), responseView });
    const { revision } = await plan.write({ checks: [rejected('c0')] });
    const { checks: ended } = await plan.query({ view: NodeView.BASIC });
    expect(ended).toHaveLength(length);
    const skipped = ended.filter(({ state, outcome }) => state === FINAL && outcome === Outcome.SKIPPED);
    expect(skipped).toHaveLength(length - 1);
    expect(ended.every((check) => check.revision === revision)).toBe(true);
    expect(await plan.get()).toMatchObject({ state: WorkPlanState.COMPLETE, outcome: Outcome.FAILED });
  });

  test('10,000 nodes with 3 edges each in one write', async () => {
    const plan = await server.plan();
    const count = 10_000;
    const near = (i: number) =>
      all(...[1, 2, 3].filter((back) => i - back >= 0).map((back) => onCheck(`c${i - back}`)));
    const checks = Array.from({ length: count }, (_, i) => ({ id: `c${i}`, state: PLANNED, dependencies: near(i) }));
    const { revision } = await plan.write({ checks, responseView });
    expect(revision).toBe(2n);
    const { checks: stored } = await plan.query({ view: NodeView.BASIC });
    expect(stored.map(({ state }) => state)).toEqual(
      Array.from({ length: count }, (_, i) => (i === 0 ? WAITING : PLANNED)),
    );
    await plan.pass('c0');
    expect(await plan.check('c1')).toMatchObject({ state: WAITING });
    expect(await plan.check('c2')).toMatchObject({ state: PLANNED });
  });

  test('2,000 nodes made FINAL in one write', async () => {
    const plan = await server.plan();
    const ids = Array.from({ length: 2000 }, (_, i) => `c${i}`);
    await plan.write({
      checks: ids.map((id) => ({ id, state: PLANNED })),
      stages: [{ id: 's', dependencies: all(...ids.map((id) => onCheck(id, DependencyCondition.SUCCEEDED))) }],
      responseView,
    });
    const { revision, checks } = await plan.write({ checks: ids.map((id) => ({ id, state: FINAL })), responseView });
    expect(revision).toBe(3n);
    expect(checks.every(({ state, version }) => state === FINAL && version === 2n)).toBe(true);
    expect(await plan.stage('s')).toMatchObject({ state: StageState.ATTEMPTING, revision: 3n });
  });

  test('fan-in: targets made FINAL one by one take linear time', async () => {
    const msFor = async (count: number): Promise<number> => {
      const plan = await server.plan();
      const ids = Array.from({ length: count }, (_, i) => `c${i}`);
      const stages = [{ id: 's', dependencies: all(...ids.map((id) => onCheck(id))) }];
      await plan.write({ checks: ids.map((id) => ({ id, state: PLANNED })), stages, responseView });
      const begin = performance.now();
      for (const id of ids) await plan.write({ checks: [{ id, state: FINAL }] });
      const ms = performance.now() - begin;
      expect(await plan.stage('s')).toMatchObject({ state: StageState.ATTEMPTING, version: 2n });
      return ms;
    };
    await msFor(100);
    const small = Math.min(await msFor(150), await msFor(150));
    const large = await msFor(600);
    expect(large / small, '4 times as many: 4 if linear, 16 if quadratic').toBeLessThan(9);
  });
});
