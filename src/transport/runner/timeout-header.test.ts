import { expect, test } from 'vitest';
import { timeoutHeader } from './timeout-header.ts';

const DAY_MS = 24 * 3_600_000;

test.each([
  [0.2, '1m'],
  [300_000, '300000m'],
  [99_999_999, '99999999m'],
  [100_000_000, '100000S'],
  [100_000_001, '100001S'],
  [2 ** 31 - 1, '2147484S'],
  [2 ** 31, undefined],
  [36_500 * DAY_MS, undefined],
])('%d ms are %s', (ms, header) => {
  expect(timeoutHeader(ms)).toBe(header);
});
