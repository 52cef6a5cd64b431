import { expect, test } from 'vitest';
import { manualClock } from '../../../tests/support/manual-clock.ts';
import { Holdings } from './holdings.ts';

function holdingsOf(limit: number) {
  const gone: string[] = [];
  const clock = manualClock();
  const holdings = new Holdings<string>(limit, clock, (name) => gone.push(name));
  /** One after the other, in so many milliseconds each. */
  const hold = (ms: number, ...held: readonly (readonly [name: string, bytes: number])[]) => {
    for (const [name, bytes] of held) {
      holdings.add(name, bytes);
      clock.advance(ms);
    }
  };
  return { holdings, hold, gone };
}

test('what fits stays; what does not makes those let go who have held longest', () => {
  const { holdings, hold, gone } = holdingsOf(100);
  hold(2000, ['a', 40], ['b', 30], ['a', 10], ['c', 20]);
  expect([holdings.bytes, gone]).toEqual([100, []]);
  hold(2000, ['c', 40]);
  expect([holdings.bytes, gone]).toEqual([90, ['a']]);
  hold(2000, ['d', 50]);
  expect([holdings.bytes, gone]).toEqual([50, ['a', 'b', 'c']]);
});

test('who has held for less than a second is left alone, whoever else there is', () => {
  const { holdings, hold, gone } = holdingsOf(100);
  hold(10, ['a', 60], ['b', 60], ['c', 60]);
  expect([holdings.bytes, gone]).toEqual([180, []]);
  hold(1000, ['d', 1]);
  hold(0, ['e', 1]);
  expect([holdings.bytes, gone]).toEqual([62, ['a', 'b']]);
});

test('many small holders that do not read make room for a large one that does', () => {
  const { hold, gone } = holdingsOf(1000);
  hold(0, ...Array.from({ length: 100 }, (_, at) => [`idle-${at}`, 10] as const));
  hold(5000, ['any', 0]);
  hold(0, ['healthy', 200]);
  expect(gone).toEqual(Array.from({ length: 20 }, (_, at) => `idle-${at}`));
});

test('what is released makes room, and counts once', () => {
  const { holdings, hold, gone } = holdingsOf(100);
  hold(2000, ['a', 90]);
  holdings.release('a');
  holdings.release('a');
  hold(0, ['b', 100]);
  expect([holdings.bytes, gone]).toEqual([100, []]);
});
