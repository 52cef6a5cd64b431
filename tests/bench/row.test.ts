import { describe, expect, test } from 'vitest';
import { costRow, isReached, limitOf, rateRow } from '../../bench/row.ts';

const rate = { work: 'calls', unit: 'calls/s', values: [50, 60, 40] };
const time = { work: 'a hop', unit: 'ms', values: [4, 5, 10] };

describe('the ratio', () => {
  test('of a rate is the share of its lowest limit, repetition by repetition', () => {
    const row = rateRow({ ...rate, limits: { echo: [100, 200, 100], SQLite: [500, 80, 500] } });
    expect(row.ratio).toEqual({ median: 0.5, least: 0.4, most: 0.75 });
    expect(limitOf(row)).toEqual({ name: 'echo', median: 100 });
  });

  test('of a time is the share that its limits take together', () => {
    const row = costRow({ ...time, limits: { echo: [1, 1, 1], SQLite: [1, 2, 3] } });
    expect(row.ratio).toEqual({ median: 0.5, least: 0.4, most: 0.6 });
    expect(limitOf(row)).toEqual({ name: 'echo + SQLite', median: 3 });
  });

  test('of what has no limit is none', () => {
    expect(rateRow(rate).ratio).toBeUndefined();
    expect(costRow(time).ratio).toBeUndefined();
    expect(limitOf(rateRow(rate))).toBeUndefined();
  });
});

test('a target is reached from the right side', () => {
  expect(isReached(rateRow({ ...rate, target: 50 }))).toBe(true);
  expect(isReached(rateRow({ ...rate, target: 51 }))).toBe(false);
  expect(isReached(costRow({ ...time, target: 5 }))).toBe(true);
  expect(isReached(costRow({ ...time, target: 4.9 }))).toBe(false);
  expect(isReached(rateRow(rate))).toBeUndefined();
});
