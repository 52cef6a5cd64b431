/** Cancels a timer; calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/**
 * The server's time. `now` is wall time at start plus monotonic time since, in whole milliseconds since the epoch: it
 * never goes back, and a jump of the machine's wall clock moves nothing until the next start.
 */
export interface Clock {
  now(): number;
  /** Calls `fire` once after at least `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): CancelTimer;
}

/** Where new identifiers come from. All are unique for ever. */
export interface Ids {
  /** A work plan's id; ids made later sort after earlier ones, so that rows of a plan are neighbours on disk. */
  workPlan(): string;
  /** An execution id: the process_uid of an attempt that the server itself dispatched. */
  execution(): string;
  /** Names a runner's registration. */
  registration(): string;
  /** The id that an INTERNAL error shows to the caller and the log. */
  incident(): string;
}

/** A source of randomness: numbers in [0, 1). */
export interface Random {
  next(): number;
}
