import { expect, test } from 'vitest';
import { runnerId } from './run-programs.ts';

test('a runner has an id that the server takes, whatever its type', () => {
  expect(runnerId('run-', 'build')).toBe('run-build');
  const types = ['ü'.repeat(128), `${'x'.repeat(255)}1`, `${'x'.repeat(255)}2`];
  const ids = types.map((type) => runnerId('run-', type));
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^run-[0-9a-f]{64}$/u);
});
