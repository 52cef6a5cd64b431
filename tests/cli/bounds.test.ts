import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch, turboci } from './turboci.ts';

const PATIENCE = { timeout: 60_000 };

test('the largest and smallest values that a plan file may have, a server takes as well', PATIENCE, async () => {
  const folder = await scratch();
  const name = 'n'.repeat(256);
  const pairs = Array.from({ length: 62 }, (_, at) => `  ${String(at).padStart(256, 'k')}: ${'v'.repeat(4096)}`);
  const nested = `${'{any: ['.repeat(16)}${name}${']}'.repeat(16)}`;
  await writeFile(
    join(folder, 'plan.yaml'),
    `name: ${'p'.repeat(4096)}
metadata:
${pairs.join('\n')}
checks: {c: {kind: ${'k'.repeat(1024)}}}
stages:
  ${name}: {run: ["true", ""], attempts: 10000, timeout: 876000h, stage_timeout: 876000h, heartbeat_timeout: 876000h, backoff: {initial: 876000h, max: 876000h}}
  last: {noop: {delay: 0s}, needs: ${nested}, timeout: 1h, stage_timeout: 0s, heartbeat_timeout: 0s, backoff: {initial: 0s}, answers: c, attempts: 10000}
`,
  );
  const { code, stderr } = await turboci(['run', 'plan.yaml', '--json'], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('what only a server can refuse is shown at its place in the file', PATIENCE, async () => {
  const folder = await scratch();
  const deep = `${'{x: '.repeat(70)}1${'}'.repeat(70)}`;
  await writeFile(join(folder, 'plan.yaml'), `checks:\n  a:\n    options: ${deep}\nstages: {a: {noop: }}\n`);
  const { code, stderr } = await turboci(['run', 'plan.yaml'], { cwd: folder });
  expect(code).toBe(64);
  expect(stderr).toContain('plan.yaml:3:14: checks.a.options: must not nest deeper than 64 levels');
});
