import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isNight } from '../support/effort.ts';
import { canaries } from './planted.ts';
import { occurrences, ROOT } from './tree.ts';
import { tryCanaries } from './trial.ts';

const AN_HOUR = 3_600_000;
const AT_ONCE = 2;

const reliability = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');

describe('the list of canaries', () => {
  test('has each name once', () => {
    expect(new Set(canaries.map(({ name }) => name)).size).toBe(canaries.length);
  });

  test.each(canaries)('$name can still be planted, and its tests are still there', ({ plants, caughtBy }) => {
    for (const plant of plants) expect(occurrences(plant), `${plant.file}: ${plant.text}`).toBe(1);
    expect(caughtBy.length).toBeGreaterThan(0);
    for (const { file, test: title, titledIn = file } of caughtBy) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      if (title !== undefined) expect(readFileSync(join(ROOT, titledIn), 'utf8')).toContain(title);
    }
  });

  test.each(canaries)('$name stands in docs/reliability.md under its promise', ({ name, promise }) => {
    const section = reliability.split(/^## /m).find((part) => part.startsWith(`${promise} `));
    expect(section).toContain(`\`${name}\``);
  });

  test('breaks each promise at least once', () => {
    const broken = new Set<string>(canaries.map(({ promise }) => promise));
    expect(Array.from({ length: 14 }, (_, at) => `P${at + 1}`).filter((promise) => !broken.has(promise))).toEqual([]);
  });
});

// By day the list is kept from rotting; setting them all free takes minutes.
if (isNight) {
  test('every canary is caught', { timeout: AN_HOUR }, async () => {
    const verdicts = await tryCanaries(canaries, AT_ONCE, ({ canary, problem, seconds }) => {
      console.log(`${canary.name}: ${problem === '' ? 'caught' : problem} (${seconds.toFixed(1)} s)`);
    });
    const caught = verdicts.filter(({ isCaught }) => isCaught);
    console.log(`${caught.length} of ${canaries.length} canaries caught`);
    expect(verdicts.filter(({ isCaught }) => !isCaught).map(({ canary }) => canary.name)).toEqual([]);
  });
}
