import { expect, it } from 'vitest';
import { countNodes, emptyCounts, planState } from './plan-state.ts';
import type { NodeCounts } from './work-plan.ts';

function counts(
  change: Partial<NodeCounts['checks']>,
  ended: { failed?: number; cancelled?: number } = {},
): NodeCounts {
  return { ...emptyCounts, checks: { ...emptyCounts.checks, ...change }, failed: 0, cancelled: 0, ...ended };
}

it.each([
  ['without nodes', counts({}), 'ACTIVE', undefined],
  ['with an open node', counts({ FINAL: 3, WAITING: 1 }), 'ACTIVE', undefined],
  ['with all nodes FINAL', counts({ FINAL: 3 }), 'COMPLETE', 'SUCCEEDED'],
  ['with a failure beside a cancellation', counts({ FINAL: 3 }, { failed: 1, cancelled: 1 }), 'COMPLETE', 'FAILED'],
  ['with a cancelled node', counts({ FINAL: 3 }, { cancelled: 1 }), 'COMPLETE', 'CANCELLED'],
] as const)('a plan %s', (_name, nodes, state, outcome) => {
  expect(planState({ state: 'ACTIVE' }, nodes)).toEqual({ state, outcome });
  expect(planState({ state: 'COMPLETE' }, nodes)).toEqual({ state, outcome });
});

it('stays cancelled whatever happens to its nodes', () => {
  expect(planState({ state: 'CANCELLED' }, counts({ WAITING: 1 }))).toEqual({
    state: 'CANCELLED',
    outcome: 'CANCELLED',
  });
});

it('counts all nodes', () => {
  expect(countNodes(counts({ PLANNING: 1, FINAL: 2 }))).toBe(3);
});
