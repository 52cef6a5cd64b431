import { describe, expect, test } from 'vitest';
import { compare, comparisonText, differences } from '../../bench/comparison.ts';
import { costRow } from '../../bench/row.ts';
import { aRow, aRun, machine } from './a-row.ts';

const time = (values: readonly number[]) => costRow({ work: 'a hop', unit: 'ms', values });

describe('a figure of both runs', () => {
  test('has its change, and those of its share of the limit and of its CPU time', () => {
    const before = aRow({ limits: { echo: [200, 200, 200] }, cpuMs: [0.4, 0.4, 0.4] });
    const after = aRow({ values: [190, 200, 210], limits: { echo: [250, 250, 250] }, cpuMs: [0.3, 0.3, 0.3] });
    const [change, ...others] = compare(aRun([before]), aRun([after]));
    expect(others).toEqual([]);
    expect(change).toMatchObject({ name: 'calls', unit: 'calls/s', before: 100, after: 200, change: 100 });
    expect(change?.ratioChange).toBeCloseTo(60);
    expect(change?.cpuChange).toBeCloseTo(-25);
    expect(change?.verdict).toBe('BETTER');
  });

  test.each([
    ['a higher rate', aRow(), aRow({ values: [111, 120, 130] }), 'BETTER'],
    ['a lower rate', aRow(), aRow({ values: [70, 80, 89] }), 'WORSE'],
    ['a rate within the spread', aRow(), aRow({ values: [80, 85, 90] }), 'NONE'],
    ['a longer time', time([1, 2, 3]), time([4, 5, 6]), 'WORSE'],
    ['a shorter time', time([4, 5, 6]), time([1, 2, 3]), 'BETTER'],
  ] as const)('%s is %4$s', (_, before, after, verdict) => {
    expect(compare(aRun([before]), aRun([after]))[0]?.verdict).toBe(verdict);
  });

  test('has no percentage of nothing', () => {
    const [change] = compare(aRun([time([0, 0, 0])]), aRun([time([1, 1, 1])]));
    expect(change).toMatchObject({ change: undefined, verdict: 'WORSE' });
  });
});

test('figures of one run only, and those of another size or unit, are not compared', () => {
  const before = aRun([aRow(), aRow({ work: 'old' }), aRow({ work: 'same', unit: 'stages/s' })]);
  const after = aRun([aRow({ part: 'p99' }), aRow({ work: 'new' }), aRow({ work: 'same' })]);
  expect(compare(before, after)).toEqual([]);
  expect(comparisonText([], [])).toBe('Nothing was measured in both runs.');
});

test('the table says what changed, what is beyond the spread, and how the runs differ', () => {
  const before = aRun([aRow(), time([1, 2, 3])]);
  const after = aRun([aRow({ values: [91, 101, 111] }), time([4, 5, 6])], {
    quick: true,
    machine: { ...machine, cores: 8, commit: 'def5678', loadBefore: 3 },
  });
  const lines = comparisonText(compare(before, after), differences(before, after)).split('\n');
  expect(lines.map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
    'work | before | after | unit | change | of ratio | of CPU | beyond the spread',
    'calls | 100 | 101 | calls/s | +1.0 %',
    'a hop | 2.00 | 5.00 | ms | +150.0 % | WORSE',
    'Note: the runs differ: cores was 2, is 8.',
    'Note: the runs differ: quick was false, is true.',
  ]);
});
