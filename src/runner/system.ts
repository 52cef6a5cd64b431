import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** setTimeout counts in 32 bits; longer waits go in steps. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a runner takes from the machine; a test may give another one. */
export type RunnerSystem = {
  /** Milliseconds since the epoch, as they were at the start and counted evenly since then: no jump of the clock is in it. */
  now(): number;
  /** Milliseconds since the epoch as the machine's clock has them now, for libraries that look at it themselves. */
  wallTime(): number;
  /** Calls `fire` once after `delayMs`, and keeps the process alive until then. Answers what cancels it. */
  after(delayMs: number, fire: () => void): () => void;
  /** A number in [0, 1). */
  random(): number;
  /** A text that is unique for ever. */
  newId(): string;
  /** The machine's name in its network. */
  readonly hostname: string;
  readonly pid: number;
};

const startedAt = Date.now() - performance.now();

/** The machine as it is: the one place where the kit reads time and randomness. */
export const machine: RunnerSystem = {
  now: () => Math.floor(startedAt + performance.now()),
  wallTime: () => Date.now(),
  after: startTimer,
  random: () => Math.random(),
  newId: () => randomUUID(),
  hostname: hostname(),
  pid: process.pid,
};

function startTimer(delayMs: number, fire: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const step = Math.min(remainingMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : fire()), step);
  };
  arm(Math.max(0, delayMs));
  return () => clearTimeout(timer);
}
