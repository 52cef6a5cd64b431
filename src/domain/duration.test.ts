import { describe, expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['0s', 0],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1m30s', 90_000],
    ['1h2m3s4ms', 3_723_004],
    ['1.5s', 1500],
    ['0.1ms', 0],
    ['90s1m', 150_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    '',
    ' ',
    '5',
    's',
    '5 s',
    ' 5s',
    '5s ',
    '5s\n',
    '-5s',
    '+5s',
    '.5s',
    '5.s',
    '1e3s',
    '5S',
    '5d',
    '5s5',
    '٥s',
    '9007199254740993ms',
    `${'9'.repeat(400)}h`,
  ])('%j is no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('a long text is judged in linear time', () => {
    expect(parseDuration(`${'1'.repeat(1_000_000)}x`)).toBeUndefined();
    expect(parseDuration(`${'1s'.repeat(500_000)}x`)).toBeUndefined();
  });
});
