import { setTimeout as wait } from 'node:timers/promises';
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

/** How long calls took in milliseconds, sorted, and how many failed. */
export type PacedResult = { readonly latencies: readonly number[]; readonly errors: number };

/**
 * Makes a call every so often until `end` settles, however slow the others are (an open loop): a call is as late as its
 * answer is after the time at which it was due, so that waiting for its turn counts too.
 */
export async function paced(
  intervalMs: number,
  end: Promise<unknown>,
  call: (index: number) => Promise<unknown>,
): Promise<PacedResult> {
  const latencies: number[] = [];
  let errors = 0;
  let isRunning = true;
  const ended = end.finally(() => {
    isRunning = false;
  });
  // Its error is thrown when all calls have ended.
  ended.catch(() => {});
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  while (true) {
    const dueAt = startedAt + calls.length * intervalMs;
    await wait(Math.max(0, dueAt - performance.now()));
    if (!isRunning) break;
    const timed = call(calls.length).then(
      () => void latencies.push(performance.now() - dueAt),
      () => void errors++,
    );
    calls.push(timed);
  }
  await Promise.all([ended, ...calls]);
  return { latencies: latencies.sort((a, b) => a - b), errors };
}

/** Milliseconds that something takes. */
export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/**
 * Rounds that are over before their code is compiled well need so many to warm up: a stage of 500 plans takes a third less
 * CPU from the fourth on.
 */
export const SHORT_ROUND_WARM_UPS = 3;

/**
 * Measures once for each repetition, after rounds that count for nothing: a server is measured as it is after its first
 * seconds.
 */
export async function repeated<T>(repetitions: number, measure: () => Promise<T>, warmUps = 1): Promise<readonly T[]> {
  const measured: T[] = [];
  for (let round = -warmUps; round < repetitions; round++) {
    const result = await measure();
    if (round >= 0) measured.push(result);
  }
  return measured;
}
