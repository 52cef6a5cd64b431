import type { CheckGoals } from './assignment.ts';
import type { GroupView } from './dependency/group.ts';
import type { Failure } from './failure.ts';
import type { JsonObject } from './json.ts';
import type { Outcome } from './outcome.ts';

export const checkStates = ['PLANNING', 'PLANNED', 'WAITING', 'FINAL'] as const;
export type CheckState = (typeof checkStates)[number];

/** A question to answer, without its JSON parts: what the state machine needs. Times are milliseconds since the epoch. */
export type Check = {
  readonly planId: string;
  readonly id: string;
  readonly state: CheckState;
  /** Free text, fixed once set; empty = not set. */
  readonly kind: string;
  /** Set when FINAL. */
  readonly outcome: Outcome | undefined;
  /** Number of commits that changed the check, from 1. */
  readonly version: number;
  /** Plan revision of the last change. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Progress of the stages that are assigned to it; bookkeeping, not shown. */
  readonly goals: CheckGoals | undefined;
  /** Number of stored results; bookkeeping for the limit. */
  readonly resultCount: number;
};

/** One owner's answer to a check. */
export type CheckResult = {
  /** Given by storage at insertion; 0 before. */
  readonly id: number;
  readonly ownerType: string;
  readonly ownerId: string;
  readonly data: JsonObject | undefined;
  readonly failure: Failure | undefined;
  readonly createdAt: number;
  readonly finalizedAt: number | undefined;
};

/** A check as clients see it. In the BASIC view options and result data are undefined. */
export type CheckView = Check & {
  readonly options: JsonObject | undefined;
  readonly dependencies: GroupView | undefined;
  readonly results: readonly CheckResult[];
};

/** Owner type of results that an attempt wrote; the owner id is `STAGE:IDX`. */
export const ATTEMPT_OWNER = 'stage_attempt';

/** Owner type of results that the server writes for a failed goal. */
export const SERVER_OWNER = 'orchestrator';

/** Owner id of an attempt's results. */
export function attemptOwnerId(stageId: string, idx: number): string {
  return `${stageId}:${idx}`;
}

/** The stage and attempt that an owner id names, or undefined if it has not that form. Stage ids may contain colons. */
export function parseAttemptOwnerId(ownerId: string): { readonly stageId: string; readonly idx: number } | undefined {
  const match = /^(.+):([1-9]\d{0,8})$/su.exec(ownerId);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { stageId: match[1], idx: Number(match[2]) };
}
