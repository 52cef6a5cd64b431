import { quantile } from './statistics.ts';

/** Calls per second, and how long single calls took in milliseconds. */
export type LoadResult = { readonly rate: number; readonly p50: number; readonly p99: number };

/** Makes `count` calls with always so many in flight; the next begins when one ends (a closed loop). */
export async function load(
  inFlight: number,
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<LoadResult> {
  const latencies = new Float64Array(count);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const startedAt = performance.now();
      await call(index);
      latencies[index] = performance.now() - startedAt;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort();
  return { rate: count / seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/** Milliseconds that something takes. */
export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
