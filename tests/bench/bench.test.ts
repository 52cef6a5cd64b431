import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseResults } from '../../bench/results.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function bench(...args: readonly string[]) {
  const child = spawn('npm', ['run', '--silent', 'bench', '--', ...args], { cwd: ROOT });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, err, code };
}

test('npm run bench prints the figures as JSON', async () => {
  const { out, code } = await bench('--quick', '--only', 'commit', '--json');
  expect(code).toBe(0);
  const { machine, quick, rows } = parseResults(out);
  expect(quick).toBe(true);
  expect(machine).toMatchObject({ node: process.version, sqlite: expect.stringMatching(/^3\.\d+\.\d+$/) });
  expect(rows.map(({ unit }) => unit)).toEqual(['ms', 'units/s']);
  for (const { figure } of rows) {
    expect(figure.least).toBeGreaterThan(0);
    expect(figure.median).toBeGreaterThanOrEqual(figure.least);
    expect(figure.most).toBeGreaterThanOrEqual(figure.median);
  }
});

test('a name that nothing is measured under is refused, with the names that there are', async () => {
  const { out, err, code } = await bench('--only', 'commit', '--only', 'nonsense');
  expect({ out, code }).toEqual({ out: '', code: 1 });
  expect(err).toMatch(/nonsense: there are commit, create, write, .*memory\n/);
});

test('a file that holds no results is refused before anything is measured', async () => {
  const { out, err, code } = await bench('--only', 'commit', '--against', 'package.json');
  expect({ out, code }).toEqual({ out: '', code: 1 });
  expect(err).toContain('package.json holds no results of npm run bench');
});
