import { expect, test } from 'vitest';
import { load, paced, repeated } from '../../bench/load.ts';

test('a closed loop makes every call once, with so many in flight', async () => {
  const made: number[] = [];
  let inFlight = 0;
  let most = 0;
  const result = await load(4, 20, async (index) => {
    made.push(index);
    most = Math.max(most, ++inFlight);
    await new Promise(setImmediate);
    inFlight--;
  });
  expect(made).toEqual(Array.from({ length: 20 }, (_, at) => at));
  expect(most).toBe(4);
  expect(result.p50).toBeLessThanOrEqual(result.p99);
  expect(result.rate).toBeGreaterThan(0);
});

test('an open loop goes on while calls are stuck, and counts how late they are', async () => {
  const { promise: end, resolve: finish } = Promise.withResolvers<void>();
  const { promise: stuck, resolve: free } = Promise.withResolvers<void>();
  let made = 0;
  const result = await paced(1, end, async () => {
    made++;
    if (made === 10) free();
    if (made === 20) finish();
    if (made === 15) throw new Error('refused');
    await stuck;
  });
  expect(made).toBe(20);
  expect(result.errors).toBe(1);
  expect(result.latencies).toHaveLength(19);
  expect(result.latencies.at(-1)).toBeGreaterThanOrEqual(5);
});

test('an open loop throws what ended it', async () => {
  await expect(paced(1, Promise.reject(new Error('broken')), async () => {})).rejects.toThrow('broken');
});

test('rounds that warm up count for nothing', async () => {
  let round = 0;
  expect(await repeated(3, async () => ++round, 2)).toEqual([3, 4, 5]);
});
