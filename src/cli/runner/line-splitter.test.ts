import { expect, test } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(...chunks: readonly (string | Buffer)[]): readonly string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.add(Buffer.from(chunk));
  splitter.end();
  return lines;
}

test.each([
  ['whole lines', ['one\ntwo\n'], ['one', 'two']],
  ['a line in pieces', ['o', 'n', 'e\ntw', 'o\n'], ['one', 'two']],
  ['an unfinished last line', ['one\ntwo'], ['one', 'two']],
  ['empty lines', ['\n\none\n'], ['', '', 'one']],
  ['lines of Windows', ['one\r\ntwo\r', '\nthree\r'], ['one', 'two', 'three']],
  ['a return within a line', ['one\rtwo\n'], ['one\rtwo']],
  ['nothing', [], []],
])('%s', (_, chunks, expected) => {
  expect(split(...chunks)).toEqual(expected);
});

test('a character that comes in two pieces stays whole', () => {
  const bytes = Buffer.from('größe\n');
  expect(split(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größe']);
});

test('a character that is never finished is not lost without a trace', () => {
  expect(split(Buffer.from('größe').subarray(0, 3))).toEqual(['gr\ufffd']);
});

test('a line without end is cut, so that memory stays bounded', () => {
  const lines = split(...Array.from({ length: 100 }, () => 'x'.repeat(1_000)));
  expect(lines.length).toBeGreaterThan(4);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(20_000);
  expect(lines.join('')).toBe('x'.repeat(100_000));
});
