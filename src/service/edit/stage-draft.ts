import type { Assignment } from '../../domain/assignment.ts';
import type { Attempt, ProgressEntry } from '../../domain/attempt.ts';
import type { FlatDependencies } from '../../domain/dependency/flatten.ts';
import type { GroupView } from '../../domain/dependency/group.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Stage } from '../../domain/stage.ts';

/** A stage in the hands of one unit of work. */
export type StageDraft = {
  readonly type: 'STAGE';
  /** As it was stored when the unit began; undefined = new. */
  readonly before: Stage | undefined;
  current: Stage;
  /** Something that clients see changed: the stage gets a new version and an event. */
  changed: boolean;
  /** Set at creation only. */
  args: JsonObject | undefined;
  /** Of a new stage; those of a stored one are read when they are needed. */
  assignments: readonly Assignment[] | undefined;
  /** Trees written by this unit and not yet handed to storage. */
  unsavedTree: FlatDependencies | undefined;
  unsavedContinuation: FlatDependencies | undefined;
  /** For the event: the trees written by this unit. */
  writtenDependencies: GroupView | undefined;
  writtenContinuation: GroupView | undefined;
  /** Attempts that this unit looked at, by index. */
  readonly attempts: Map<number, AttemptDraft>;
  /** A writer or an executor changed it, not only the server's own advance. */
  byWriter: boolean;
};

/** An attempt that the unit put in its queue. */
export type QueuedAttempt = { readonly stage: StageDraft; readonly attempt: AttemptDraft };

export type AttemptDraft = {
  readonly before: Attempt | undefined;
  current: Attempt;
  changed: boolean;
  /** Details as set by this unit. */
  details: JsonObject | undefined;
  /** Progress entries that this unit appends. */
  readonly progress: ProgressEntry[];
};

export function newStageDraft(before: Stage | undefined, current: Stage): StageDraft {
  return {
    type: 'STAGE',
    before,
    current,
    changed: before === undefined,
    args: undefined,
    assignments: undefined,
    unsavedTree: undefined,
    unsavedContinuation: undefined,
    writtenDependencies: undefined,
    writtenContinuation: undefined,
    attempts: new Map(),
    byWriter: false,
  };
}

export function newAttemptDraft(before: Attempt | undefined, current: Attempt): AttemptDraft {
  return { before, current, changed: before === undefined, details: undefined, progress: [] };
}
