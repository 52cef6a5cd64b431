import { expect, test } from 'vitest';
import type { DependencyGroup } from '../../domain/dependency/group.ts';
import { countEdges } from './dependency-group.ts';

const leaf: DependencyGroup = {
  predicate: 'AND',
  threshold: 0,
  dependencies: [{ targetType: 'CHECK', targetId: 'a', condition: 'FINAL' }],
  groups: [],
};

test('edges are counted in all groups, however many stand beside each other', () => {
  const groups = new Array<DependencyGroup>(300_000).fill(leaf);
  expect(countEdges({ ...leaf, groups })).toBe(300_001);
  expect(countEdges(undefined)).toBe(0);
});
