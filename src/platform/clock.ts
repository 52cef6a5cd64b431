import type { CancelTimer, Clock } from '../domain/ports.ts';

/** setTimeout counts in 32 bits; longer waits go in steps. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's time: wall time read once, monotonic from then on. */
export function systemClock(): Clock {
  const startedAt = Date.now() - performance.now();
  return {
    now: () => Math.floor(startedAt + performance.now()),
    after: (delayMs, fire) => startTimer(Math.max(0, delayMs), fire),
  };
}

function startTimer(delayMs: number, fire: () => void): CancelTimer {
  let timer: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const step = Math.min(remainingMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : fire()), step);
    timer.unref();
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}
