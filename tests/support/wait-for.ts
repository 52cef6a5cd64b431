import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 10_000;
const STEP_MS = 10;

/** Resolves with the first value of `probe` that is neither undefined nor false; rejects when none came in time. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > giveUpAt) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await delay(STEP_MS);
  }
}

/** The promise's outcome, or a rejection when it took too long: a test that hangs says what it was waiting for. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  const watchdog = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: watchdog.signal }).then(() => {
    throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    watchdog.abort();
    late.catch(() => {});
  }
}
