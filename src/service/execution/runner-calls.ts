import type { JsonObject } from '../../domain/json.ts';
import type { ExecutionTask } from '../executor/executor.ts';
import type { RunnerAnswer } from '../requests.ts';

/** What a check that the stage is assigned to asks. */
export type CheckOptions = { readonly checkId: string; readonly kind: string; readonly options: JsonObject };

/** An attempt as it is handed to a runner. */
export type RunnerTask = ExecutionTask & {
  readonly runnerType: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Of the assigned checks, in their order. */
  readonly checkOptions: readonly CheckOptions[];
  /** The plan's. */
  readonly metadata: Readonly<Record<string, string>>;
  /** 0 = the runner may be silent as long as it likes. */
  readonly heartbeatTimeoutMs: number;
};

/**
 * Why a call to a runner brought no answer.
 * - UNDELIVERED: there is proof that the runner has begun nothing (no connection, no stream within a few seconds,
 *   REFUSED_STREAM, not accepted, UNIMPLEMENTED, RESOURCE_EXHAUSTED): the attempt may go to another runner.
 * - TIMED_OUT: the deadline passed; the runner may have begun.
 * - BROKEN: anything else: an error of the runner's, a broken connection, an answer that makes no sense.
 */
export type CallFailure = {
  readonly kind: 'UNDELIVERED' | 'TIMED_OUT' | 'BROKEN';
  /** For people: what happened, in the words of whoever knows. */
  readonly message: string;
};

export type RunOutcome = { readonly kind: 'ANSWERED'; readonly answer: RunnerAnswer } | CallFailure;

export type AcceptOutcome = { readonly kind: 'ACCEPTED' } | CallFailure;

/** DECLINED: the runner does not know the execution or cannot stop it. UNSUPPORTED: it does not implement Cancel. */
export type CancelOutcome = 'ACCEPTED' | 'DECLINED' | 'UNSUPPORTED' | 'UNREACHABLE';

/**
 * Calls to runners (the StageRunner service), whatever the transport. Connections are kept for each address, one for
 * work and one for Cancel and Ping, and closed when they are not used for a while. No method rejects; a call to one runner never waits for another's.
 */
export interface RunnerCalls {
  /**
   * Runs an attempt and waits for its answer, at most until the task's deadline. `onSent` is called once, when the
   * request has gone out on a connection. Aborting the signal cuts the call: BROKEN.
   */
  run(address: string, task: RunnerTask, options: { signal: AbortSignal; onSent: () => void }): Promise<RunOutcome>;
  /** Offers an attempt that the runner will answer by CompleteStageExecution. */
  runAsync(address: string, task: RunnerTask, options: { signal: AbortSignal }): Promise<AcceptOutcome>;
  /** Asks to stop an execution; gives up after a few seconds. */
  cancel(address: string, executionId: string, reason: string): Promise<CancelOutcome>;
  /** Whether the runner answers; gives up after a few seconds. */
  ping(address: string): Promise<boolean>;
  /** Cuts all calls and closes all connections. */
  close(): void;
}
