import type { RunnerSystem } from './system.ts';
import { backoffMs, pause } from './waiting.ts';

export type RetryOptions = {
  readonly system: RunnerSystem;
  /** Ends the tries; the last error is then thrown. */
  readonly signal: AbortSignal;
  /** Whether to try again after so many failures in a row, this one included. */
  readonly mayRetry: (error: unknown, failures: number) => boolean;
  /** The longest wait between tries, if it is to be shorter than usual. */
  readonly longestWaitMs?: number | undefined;
};

/** Repeats a call, which has the same effect however often it is made, until it succeeds or may not be tried again. */
export async function retried<T>(
  call: () => Promise<T>,
  { system, signal, mayRetry, longestWaitMs }: RetryOptions,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !mayRetry(error, failures)) throw error;
      await pause(system, backoffMs(system, failures, longestWaitMs), signal);
      if (signal.aborted) throw error;
    }
  }
}
