import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Check } from '../../../gen/turboci/v1/check_pb.js';
import {
  AttemptState,
  type CheckState,
  type ConcludedReason,
  type DependencyGroup,
  Outcome,
  StageState,
  WorkPlanState,
} from '../../../gen/turboci/v1/common_pb.js';
import type { WorkPlanEvent } from '../../../gen/turboci/v1/service_pb.js';
import type { Attempt, Stage } from '../../../gen/turboci/v1/stage_pb.js';

/** The last attempt of a stage, as far as it is shown. Times are milliseconds since the epoch, of the server's clock. */
export type AttemptPicture = {
  readonly idx: number;
  readonly state: AttemptState;
  /** The runner that has it; empty = none, or an executor of the server's own. */
  readonly runnerId: string;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** When a waiting attempt may start. */
  readonly availableAt: number | undefined;
  /** The last progress message. */
  readonly message: string;
  /** 0 = not given. */
  readonly percent: number;
  /** Message of its failure; empty = none. */
  readonly failure: string;
};

export type StagePicture = {
  readonly id: string;
  /** Stage that added this one; empty = none. */
  readonly parent: string;
  readonly state: StageState;
  readonly outcome: Outcome;
  readonly reason: ConcludedReason;
  readonly runnerType: string;
  readonly maxAttempts: number;
  readonly dependencies: DependencyGroup | undefined;
  readonly attempt: AttemptPicture | undefined;
  /** The last attempt that ended INCOMPLETE; it may have a successor already. */
  readonly failed: AttemptPicture | undefined;
};

export type CheckPicture = {
  readonly id: string;
  readonly state: CheckState;
  readonly outcome: Outcome;
  readonly failure: string;
  /** Whether that failure is an answer, not only what a failed stage has led to. */
  readonly hasOwnFailure: boolean;
};

/** What one event changed. */
export type BoardChange =
  | {
      readonly type: 'STAGE';
      readonly before: StagePicture | undefined;
      readonly after: StagePicture;
      readonly at: number;
    }
  | {
      readonly type: 'CHECK';
      readonly before: CheckPicture | undefined;
      readonly after: CheckPicture;
      readonly at: number;
    }
  | { readonly type: 'PLAN'; readonly state: WorkPlanState; readonly at: number }
  | { readonly type: 'COMPLETED'; readonly at: number };

/** The picture of a plan that its events draw, in the order in which its nodes were created. */
export class Board {
  readonly #stages = new Map<string, StagePicture>();
  readonly #checks = new Map<string, CheckPicture>();
  #planState = WorkPlanState.ACTIVE;

  get stages(): ReadonlyMap<string, StagePicture> {
    return this.#stages;
  }

  get checks(): ReadonlyMap<string, CheckPicture> {
    return this.#checks;
  }

  get planState(): WorkPlanState {
    return this.#planState;
  }

  /** Takes one event in; undefined if it shows nothing. */
  apply({ event, timestamp }: WorkPlanEvent): BoardChange | undefined {
    const at = timestamp === undefined ? 0 : timestampMs(timestamp);
    switch (event.case) {
      case 'stageEvent': {
        const { stage, attempt } = event.value;
        return stage === undefined ? undefined : this.putStage(stage, attempt, at);
      }
      case 'checkEvent':
        return event.value.check === undefined ? undefined : this.putCheck(event.value.check, at);
      case 'workPlanEvent':
        this.#planState = event.value.newState;
        return { type: 'PLAN', state: event.value.newState, at };
      case 'completedEvent':
        return { type: 'COMPLETED', at };
      case undefined:
        return undefined;
    }
  }

  /** Takes a stage in as the server shows it; of its attempts only those that are given are looked at. */
  putStage(stage: Stage, attempt: Attempt | undefined, at: number): BoardChange {
    const before = this.#stages.get(stage.id);
    const attempts = attempt === undefined ? stage.attempts : [...stage.attempts, attempt];
    const after: StagePicture = {
      id: stage.id,
      parent: stage.parentStageId,
      state: stage.state,
      outcome: stage.outcome,
      reason: stage.concludedReason,
      runnerType: stage.runnerType || (before?.runnerType ?? ''),
      maxAttempts: stage.executionPolicy?.maxAttempts ?? before?.maxAttempts ?? 0,
      dependencies: stage.dependencies ?? before?.dependencies,
      attempt: attempts.reduce(lastAttempt, before?.attempt),
      failed: attempts.filter(({ state }) => state === AttemptState.INCOMPLETE).reduce(lastAttempt, before?.failed),
    };
    this.#stages.set(stage.id, after);
    return { type: 'STAGE', before, after, at };
  }

  /** Takes a check in as the server shows it. */
  putCheck(check: Check, at: number): BoardChange {
    const before = this.#checks.get(check.id);
    const failed = check.results.filter((result) => result.failure !== undefined);
    const after = {
      id: check.id,
      state: check.state,
      outcome: check.outcome,
      failure: failed[0]?.failure?.message ?? before?.failure ?? '',
      hasOwnFailure: before?.hasOwnFailure === true || failed.some(({ ownerType }) => ownerType !== SERVER_OWNER),
    };
    this.#checks.set(check.id, after);
    return { type: 'CHECK', before, after, at };
  }
}

function lastAttempt(before: AttemptPicture | undefined, attempt: Attempt): AttemptPicture | undefined {
  if (before !== undefined && attempt.idx < before.idx) return before;
  const same = before?.idx === attempt.idx ? before : undefined;
  return {
    idx: attempt.idx,
    state: attempt.state,
    runnerId: attempt.runnerId,
    startedAt: attempt.startedAt === undefined ? same?.startedAt : timestampMs(attempt.startedAt),
    endedAt: attempt.endedAt === undefined ? same?.endedAt : timestampMs(attempt.endedAt),
    availableAt: attempt.availableAt === undefined ? same?.availableAt : timestampMs(attempt.availableAt),
    message: attempt.progress.at(-1)?.message ?? same?.message ?? '',
    percent: attempt.progressPercent || (same?.percent ?? 0),
    failure: attempt.failure?.message ?? same?.failure ?? '',
  };
}

/** Whether a check only repeats what the stage of its name says, so that showing both would say everything twice. */
export function isFolded(check: CheckPicture, stages: ReadonlyMap<string, StagePicture>): boolean {
  return stages.has(check.id) && !(check.outcome === Outcome.FAILED && check.hasOwnFailure);
}

/** Owner of the results that the server itself writes when a stage failed. */
export const SERVER_OWNER = 'orchestrator';

/** Whether an attempt has ended. */
export function hasEnded({ state }: Pick<AttemptPicture, 'state'>): boolean {
  return state === AttemptState.COMPLETE || state === AttemptState.INCOMPLETE;
}

/** Whether a stage is for runners, not for an executor of the server's own or for whoever wrote it. */
export function isRemote({ runnerType }: { readonly runnerType: string }): boolean {
  return runnerType !== '' && !runnerType.startsWith('builtin/');
}

/** Whether a stage could start if there was a runner for it; `now` in milliseconds since the epoch. */
export function needsRunner(stage: StagePicture, now: number): boolean {
  const { attempt, state } = stage;
  if (state !== StageState.ATTEMPTING || attempt?.state !== AttemptState.PENDING || attempt.runnerId !== '')
    return false;
  return isRemote(stage) && (attempt.availableAt ?? 0) <= now;
}

export const outcomeWords: Readonly<Record<Outcome, string>> = {
  [Outcome.UNKNOWN]: 'open',
  [Outcome.SUCCEEDED]: 'succeeded',
  [Outcome.FAILED]: 'failed',
  [Outcome.CANCELLED]: 'cancelled',
  [Outcome.SKIPPED]: 'skipped',
};
