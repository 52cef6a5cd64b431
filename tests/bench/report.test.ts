import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { publishedIn } from '../../bench/published.ts';
import { markdownOf, textOf } from '../../bench/report.ts';
import { jsonOf, readResults } from '../../bench/results.ts';
import { aRow, aRun } from './a-row.ts';

const run = aRun(
  [
    aRow({ limits: { echo: [200, 200, 200] }, cpuMs: [0.1, 0.2, 0.3], target: 1000 }),
    aRow({ part: 'share', unit: '×', values: [0.5, 0.5, 0.5], target: 0.5 }),
  ],
  { notes: { weather: 'it rained' } },
);

test('the table has the ratio first, then the figure, its target and its limit', () => {
  const [head, rate, share, blank, on, note] = textOf(run).split('\n');
  const cells = [head, rate, share].map((line) => line?.trim().split(/ {2,}/));
  expect(cells).toEqual([
    ['work', 'ratio', 'median', 'least – most', 'unit', 'must be', 'is', 'CPU ms', 'limit', 'held against'],
    ['calls', '0.50 (0.45 – 0.55)', '100', '90.0 – 110', 'calls/s', '≥ 1,000', 'NO', '0.20', '200', 'echo'],
    ['share', '0.50', '0.50 – 0.50', '×', '≥ 0.5', 'yes'],
  ]);
  expect([blank, note]).toEqual(['', 'Note: it rained.']);
  expect(on).toContain('cpu Abacus, cores 2');
});

describe('a published page', () => {
  const page = 'above\n<!-- benchmarks: generated -->\nold\n<!-- benchmarks: end -->\nbelow\n';

  test('shows the run between its marks, and is the same when it is published again', () => {
    const once = publishedIn(page, run);
    expect(once).toBe(`above\n<!-- benchmarks: generated -->\n${markdownOf(run)}\n<!-- benchmarks: end -->\nbelow\n`);
    expect(once).toContain('| calls: share |  | 0.50 | 0.50 – 0.50 | × | ≥ 0.5 | yes |  |  |  |');
    expect(once).toContain('- Run of 2026-01-02 at commit abc1234.');
    expect(once).not.toContain('old');
    expect(publishedIn(once, run)).toBe(once);
  });

  test.each([
    'no marks',
    '<!-- benchmarks: generated -->',
    '<!-- benchmarks: end --><!-- benchmarks: generated -->',
    `${page}${page}`,
  ])('%j is refused', (wrong) => {
    expect(() => publishedIn(wrong, run)).toThrow('each once');
  });
});

test('docs/benchmarks.md shows the reference run as it was measured', () => {
  const at = (path: string) => new URL(`../../${path}`, import.meta.url);
  const reference = readResults(at('bench/reference.json').pathname);
  const page = readFileSync(at('docs/benchmarks.md'), 'utf8');
  expect(page, 'node bench/publish.ts FILE writes both').toBe(publishedIn(page, reference));
  expect(readFileSync(at('bench/reference.json'), 'utf8')).toBe(`${jsonOf(reference)}\n`);
});
