import { expect, test } from 'vitest';
import { CliError, errorLines } from './cli-error.ts';
import { oneLine, printable } from './output.ts';
import { remarkLine } from './progress/view.ts';

/** Reorders what follows it, clears the screen, begins a new line. */
const nasty = 'a\u202eb\u061c\u200e\u200f\u001b[2Jc\u2066\nd';

test('words of others cannot reorder or move what a terminal shows', () => {
  expect(printable(`  ${nasty}`)).toBe('  abc d');
  expect(oneLine(`  ${nasty} `)).toBe('abc d');
});

test('neither in errors nor in progress', () => {
  const error = new CliError(nasty, { exitCode: 64, reason: 'X', details: [{ path: nasty, message: nasty }] });
  expect(errorLines(error)).toEqual(['turboci: abc d (X)', '  abc d: abc d']);
  expect(remarkLine({ at: 0, node: nasty, text: 'x' }, 0)).toBe(`    0ms  ${'abc d'.padEnd(16)}  x`);
});
