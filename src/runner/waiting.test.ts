import { expect, test } from 'vitest';
import { machine } from './system.ts';
import { backoffMs, pause, settled } from './waiting.ts';

const least = { ...machine, random: () => 0 };
const most = { ...machine, random: () => 1 };

test.each([
  [1, 50, 100],
  [2, 100, 200],
  [6, 1_600, 3_200],
  [7, 2_500, 5_000],
  [5_000, 2_500, 5_000],
])('after %i failures in a row the wait is between %i and %i ms', (failures, shortest, longest) => {
  expect(backoffMs(least, failures)).toBe(shortest);
  expect(backoffMs(most, failures)).toBe(longest);
  expect(backoffMs(most, failures, 150)).toBe(Math.min(longest, 150));
});

test('a pause ends with its time or its signal, and leaves no timer behind', async () => {
  const timers = new Set<() => void>();
  const system = {
    ...machine,
    after: (_delayMs: number, fire: () => void) => {
      timers.add(fire);
      return () => void timers.delete(fire);
    },
  };
  const timed = pause(system, 1, new AbortController().signal);
  for (const fire of timers) fire();
  await timed;
  const aborted = new AbortController();
  const cut = pause(system, 1, aborted.signal);
  aborted.abort();
  await cut;
  await pause(system, 1, aborted.signal);
  await settled(system, Promise.reject(new Error('settles as well')), 1);
  expect(timers.size).toBe(0);
});
