import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { exitCode } from './exit-code.ts';

test('docs/cli.md tells every exit status, and no other', async () => {
  const text = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split('## Exit status');
  const [table = ''] = section.split('\n## ');
  const documented = [...table.matchAll(/^\| ([\d, ]+) \|/gmu)].flatMap(([, cell = '']) =>
    cell.split(', ').map(Number),
  );
  const codes: readonly number[] = Object.values(exitCode);
  expect(documented.toSorted((a, b) => a - b)).toEqual(codes.toSorted((a, b) => a - b));
});
