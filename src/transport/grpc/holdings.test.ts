import { expect, test } from 'vitest';
import { Holdings } from './holdings.ts';

function holdingsOf(limit: number) {
  const gone: string[] = [];
  return { holdings: new Holdings<string>(limit, (name) => gone.push(name)), gone };
}

test('what fits stays; what does not makes those let go who have held longest', () => {
  const { holdings, gone } = holdingsOf(100);
  expect(holdings.add('a', 40)).toBe(40);
  expect(holdings.add('b', 30)).toBe(30);
  expect(holdings.add('a', 10)).toBe(50);
  expect(holdings.add('c', 20)).toBe(20);
  expect([holdings.bytes, gone]).toEqual([100, []]);
  holdings.add('c', 50);
  expect([holdings.bytes, gone]).toEqual([100, ['a']]);
  holdings.add('b', 45);
  expect([holdings.bytes, gone]).toEqual([70, ['a', 'b']]);
});

test('who holds less than the mean is left alone, however long it does', () => {
  const { holdings, gone } = holdingsOf(100);
  holdings.add('small', 2);
  holdings.add('a', 60);
  holdings.add('b', 60);
  expect([holdings.bytes, gone]).toEqual([62, ['a']]);
});

test('what is released makes room, and counts once', () => {
  const { holdings, gone } = holdingsOf(100);
  holdings.add('a', 90);
  holdings.release('a');
  holdings.release('a');
  holdings.add('b', 100);
  expect([holdings.bytes, gone]).toEqual([100, []]);
});

test('one that is too large by itself has to let go as well', () => {
  const { holdings, gone } = holdingsOf(100);
  holdings.add('a', 101);
  expect([holdings.bytes, gone]).toEqual([0, ['a']]);
});
