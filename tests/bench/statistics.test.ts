import { expect, test } from 'vitest';
import { areApart, quantile, quotients, sampleOf } from '../../bench/statistics.ts';

test('a sample has the middle of its values, the least and the most', () => {
  expect(sampleOf([30, 1, 20])).toEqual({ median: 20, least: 1, most: 30 });
  expect(sampleOf([7])).toEqual({ median: 7, least: 7, most: 7 });
});

test('a quantile is the value at the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile(hundred, 1)).toBe(100);
  expect(quantile(hundred, 0)).toBe(1);
  expect(() => quantile([], 0.5)).toThrow('no values');
});

test('samples are apart when their values do not overlap', () => {
  const low = sampleOf([1, 2, 3]);
  expect(areApart(low, sampleOf([4, 5, 6]))).toBe(true);
  expect(areApart(sampleOf([4, 5, 6]), low)).toBe(true);
  expect(areApart(low, sampleOf([3, 5, 6]))).toBe(false);
});

test('quotients are of values of the same repetition', () => {
  expect(quotients([10, 20], [5, 2])).toEqual([2, 10]);
  expect(() => quotients([1, 2], [1])).toThrow('2 values over 1');
});
