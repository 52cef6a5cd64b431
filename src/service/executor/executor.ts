import type { JsonObject } from '../../domain/json.ts';
import type { CheckUpdate, FailureWrite } from '../requests.ts';

/** What an executor is asked to do: one attempt of a stage. */
export type ExecutionTask = {
  readonly executionId: string;
  readonly planId: string;
  readonly stageId: string;
  readonly attemptIdx: number;
  readonly args: JsonObject;
  readonly assignedCheckIds: readonly string[];
};

/** What an executor reports while it works. Reports are best effort: one that cannot be stored is dropped and counted. */
export type ProgressReport = {
  readonly message: string;
  readonly percent?: number;
  readonly details?: JsonObject;
};

/** How an attempt ended, in its executor's words. */
export type ExecutionAnswer = {
  readonly checkUpdates: readonly CheckUpdate[];
  /** Merged into the attempt's details. */
  readonly details: JsonObject | undefined;
  /** Undefined = COMPLETE. With a failure the attempt is INCOMPLETE. */
  readonly failure: FailureWrite | undefined;
  /** With a failure: no further attempt is made. */
  readonly verdict: boolean;
};

export type ExecutionContext = {
  /** Aborted when the attempt is to stop: cancelled, ended by somebody else, or the server stops. */
  readonly signal: AbortSignal;
  /** Appends to the attempt's progress. Never throws, never waits. */
  report(progress: ProgressReport): void;
};

/** A fault in a stage's args, found when the stage is written. Path within args. */
export type ArgsFault = { readonly path: readonly (string | number)[]; readonly message: string };

/** Executes attempts of one `builtin/` runner type inside the server process. */
export interface Executor {
  /** The full runner type, e.g. `builtin/noop`. */
  readonly runnerType: string;
  /** False = known but switched off: stages that name it are refused. */
  readonly enabled: boolean;
  /** Faults of a stage's args; empty = fine. */
  check(args: JsonObject): readonly ArgsFault[];
  /**
   * Runs one attempt to its end. On abort it stops what it started and answers as soon as that is done. A rejection
   * counts as INCOMPLETE(EXECUTOR_FAILURE).
   */
  execute(task: ExecutionTask, context: ExecutionContext): Promise<ExecutionAnswer>;
}
