import type { Assignment, AttemptState, CheckState, Group, Json, Mode, Policy, StageState } from './state.ts';

/** Requests as the model takes them: unset scalars are undefined, unset strings empty. */

export type FailureWrite = { readonly message: string; readonly reason: string };

export type ResultWrite = {
  readonly ownerType: string;
  readonly ownerId: string;
  readonly data: Json | undefined;
  readonly finalize: boolean;
  readonly failure: FailureWrite | undefined;
};

export type CheckWrite = {
  readonly id: string;
  readonly state: CheckState | undefined;
  readonly kind: string;
  readonly options: Json | undefined;
  readonly dependencies: Group | undefined;
  readonly result: ResultWrite | undefined;
  readonly expectedVersion: number | undefined;
};

export type ProgressWrite = {
  readonly message: string;
  readonly percent: number | undefined;
  readonly details: Json | undefined;
  readonly idempotencyKey: string;
  /** The model leaves the time of an entry to the server. */
  readonly timestamp: undefined;
};

export type AttemptWrite = {
  readonly state: AttemptState | undefined;
  readonly processUid: string;
  readonly details: Json | undefined;
  readonly progress: ProgressWrite | undefined;
  readonly failure: FailureWrite | undefined;
  readonly blockNewAttempts: boolean;
  readonly attemptIdx: number | undefined;
};

export type PolicyWrite = { readonly [K in keyof Policy]: number | undefined };

export type StageWrite = {
  readonly id: string;
  readonly state: StageState | undefined;
  readonly args: Json | undefined;
  readonly assignments: readonly Assignment[];
  readonly dependencies: Group | undefined;
  readonly currentAttempt: AttemptWrite | undefined;
  readonly executionMode: Mode | undefined;
  readonly runnerType: string;
  readonly expectedVersion: number | undefined;
  readonly executionPolicy: PolicyWrite | undefined;
  readonly continuationGroup: Group | undefined;
  readonly cancel: boolean;
  readonly failure: FailureWrite | undefined;
};

export type AttemptRef = { readonly stageId: string; readonly attemptIdx: number; readonly processUid: string };

export type WriteNodes = {
  readonly workPlanId: string;
  readonly checks: readonly CheckWrite[];
  readonly stages: readonly StageWrite[];
  readonly requestId: string;
  readonly reason: string;
  readonly attempt: AttemptRef | undefined;
  readonly expectedPlanVersion: number | undefined;
};

export type Register = {
  readonly runnerId: string;
  readonly runnerType: string;
  readonly address: string;
  readonly supportedModes: readonly Mode[];
  readonly maxConcurrent: number;
  readonly ttlMs: number;
};

export type Update = {
  readonly executionId: string;
  readonly message: string;
  readonly progressPercent: number;
  readonly details: Json | undefined;
};

export type CheckUpdate = {
  readonly checkId: string;
  readonly state: CheckState | undefined;
  readonly data: Json | undefined;
  readonly finalize: boolean;
  readonly failure: FailureWrite | undefined;
};

export type Answer = {
  readonly stageState: 'FINAL' | 'AWAITING_GROUP' | undefined;
  readonly checkUpdates: readonly CheckUpdate[];
  readonly failure: FailureWrite | undefined;
  readonly details: Json | undefined;
};
