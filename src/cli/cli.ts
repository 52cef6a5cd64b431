import type { systemClock } from '../platform/clock.ts';
import type { Output } from './output.ts';

export type Clock = ReturnType<typeof systemClock>;

/** Environment variables, as Node gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command works with; main.ts fills it from the process. */
export type Cli = {
  readonly out: Output;
  readonly err: Output;
  readonly env: Environment;
  readonly clock: Clock;
  /** A new request id: a repeated request has no second effect. */
  readonly newRequestId: () => string;
  /** Version of the package. */
  readonly version: string;
};

/** Options that every command has which talks to a server. */
export type ServerOptions = { readonly server?: string; readonly db?: string; readonly json?: true };
