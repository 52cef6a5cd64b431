import type { RunnerSystem } from './system.ts';

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** How long to wait after so many failures in a row (1 = the first): doubling, half of it fixed and half random. */
export function backoffMs(system: RunnerSystem, failures: number, longestMs = LONGEST_BACKOFF_MS): number {
  const longest = Math.min(longestMs, LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
  return longest / 2 + (longest / 2) * system.random();
}

/** Resolves after a time, or as soon as the signal aborts. */
export function pause(system: RunnerSystem, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = system.after(delayMs, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

/** Resolves when the signal has aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

/** Resolves when the work has settled, at the latest after `withinMs`. */
export async function settled(system: RunnerSystem, work: Promise<unknown>, withinMs: number): Promise<void> {
  const isOver = new AbortController();
  const over = (): void => isOver.abort();
  work.then(over, over);
  await pause(system, withinMs, isOver.signal);
}
