import type { Clock } from '../../src/domain/ports.ts';

/** A clock that stands still until it is moved; timers fire in the order of their times. */
export type ManualClock = Clock & {
  /** Moves the time on, firing every timer on the way. */
  advance(ms: number): void;
  /** Moves the time on as if the event loop had been held: timers that are due then fire late, at its end. */
  jump(ms: number): void;
};

export function manualClock(start = 1_700_000_000_000): ManualClock {
  let now = start;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const fireDue = (): void => {
    const due = [...timers].filter((timer) => timer.at <= now).sort((a, b) => a.at - b.at);
    for (const timer of due) if (timers.delete(timer)) timer.fire();
  };
  return {
    now: () => now,
    after(delayMs, fire) {
      const timer = { at: now + Math.max(0, delayMs), fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    jump(ms) {
      now += ms;
      fireDue();
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = next.at;
        next.fire();
      }
      now = end;
    },
  };
}
