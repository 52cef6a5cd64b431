import { expect, test } from 'vitest';
import { jsonOf, parseResults } from '../../bench/results.ts';
import { aRow, aRun } from './a-row.ts';

const run = aRun([aRow({ part: 'p99', limits: { echo: [200, 210, 220] }, cpuMs: [1, 2, 3], target: 90 }), aRow()], {
  notes: { build: 'something' },
});

test('results are read as they were printed', () => {
  expect(parseResults(jsonOf(run))).toEqual(run);
});

test('what npm prints before them is skipped', () => {
  expect(parseResults(`\n> turboci-lite@0.1.0 bench\n> node bench/main.ts --json\n\n${jsonOf(run)}\n`)).toEqual(run);
});

test.each(['', 'work  median', '{}', '[]', jsonOf(run).replace('"median"', '"mean"')])('%j is refused', (text) => {
  expect(() => parseResults(text)).toThrow();
});
