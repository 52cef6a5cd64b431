import type { RunOutcome } from '../../src/service/execution/runner-calls.ts';
import type { CallEnd } from './reference/hand-out.ts';
import type { Answer, Register, Update, WriteNodes } from './reference/requests.ts';

/** How runners take the calls that the server makes: a blocking one is held until it is answered by a command. */
export type Manners = { readonly run: 'HOLD' | Exclude<CallEnd, 'ACCEPTED'>; readonly runAsync: CallEnd };

/** What a run is made of; each is done to both sides. */
export type Command =
  | { readonly do: 'write'; readonly request: WriteNodes }
  | { readonly do: 'cancelStage'; readonly stageId: string }
  | { readonly do: 'cancelPlan' }
  | { readonly do: 'register'; readonly request: Register }
  | { readonly do: 'unregister'; readonly registrationId: string }
  | { readonly do: 'manners'; readonly manners: Manners }
  | {
      readonly do: 'acquire';
      readonly runnerId: string;
      readonly runnerTypes: readonly string[];
      readonly maxExecutions: number;
      readonly held: readonly string[];
    }
  | { readonly do: 'update'; readonly request: Update }
  | { readonly do: 'complete'; readonly executionId: string; readonly answer: Answer }
  /** A held call ends, the one whose turn it is. */
  | { readonly do: 'endCall'; readonly turn: number; readonly outcome: RunOutcome }
  /** The clock moves on, stopping wherever something is due. */
  | { readonly do: 'tick'; readonly ms: number }
  /** The server is held, and the time goes on: what was due comes late, and what runners sent meanwhile is read only then. */
  | { readonly do: 'jump'; readonly ms: number; readonly heard: readonly Update[] }
  /** The server process ends, and another one starts after a while. */
  | { readonly do: 'restart'; readonly awayMs: number };
