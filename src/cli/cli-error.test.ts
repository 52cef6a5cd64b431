import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { CliError, errorJson, errorLines, toCliError } from './cli-error.ts';

test('what nobody expected is a bug, with the stack, as lines and as JSON', () => {
  const error = toCliError(new TypeError('oh'));
  expect(errorLines(error)[0]).toBe('turboci: oh (BUG)');
  expect(errorLines(error)[1]).toMatch(/^ {2}at .*cli-error\.test\.ts/u);
  expect(errorLines(error).at(-1)).toBe('  → this is a bug, please report it');
  expect(JSON.parse(errorJson(error))).toMatchObject({ error: { reason: 'BUG', message: 'oh', exitCode: 70 } });
  expect(toCliError('text')).toMatchObject({ message: 'text', exitCode: 70 });
});

test('wrong usage is told without the word of the library', () => {
  const error = toCliError(new CommanderError(1, 'commander.unknownOption', "error: unknown option '--x'"));
  expect(error).toMatchObject({ message: "unknown option '--x'", exitCode: 64, reason: 'USAGE' });
});

test('an error for the person at the terminal stays as it is', () => {
  const error = new CliError('no', { exitCode: 66, reason: 'X' });
  expect(toCliError(error)).toBe(error);
});
