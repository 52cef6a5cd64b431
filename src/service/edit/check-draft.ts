import type { Check, CheckResult } from '../../domain/check.ts';
import type { FlatDependencies } from '../../domain/dependency/flatten.ts';
import type { GroupView } from '../../domain/dependency/group.ts';
import type { JsonObject } from '../../domain/json.ts';

/** A check in the hands of one unit of work. */
export type CheckDraft = {
  readonly type: 'CHECK';
  /** As it was stored when the unit began; undefined = new. */
  readonly before: Check | undefined;
  current: Check;
  /** The row exists (it may still be outdated). */
  stored: boolean;
  /** Something that clients see changed: the check gets a new version and an event. */
  changed: boolean;
  /** Options as set by this unit. */
  options: JsonObject | undefined;
  /** Tree written by this unit and not yet handed to storage. */
  unsavedTree: FlatDependencies | undefined;
  /** For the event: the tree written by this unit. */
  writtenDependencies: GroupView | undefined;
  /** For the event: results that this unit created, replaced or finalized, by id. */
  readonly results: Map<number, CheckResult>;
  /** A writer or an executor changed it, not only the server's own advance. */
  byWriter: boolean;
};

export function newCheckDraft(before: Check | undefined, current: Check): CheckDraft {
  return {
    type: 'CHECK',
    before,
    current,
    stored: before !== undefined,
    changed: before === undefined,
    options: undefined,
    unsavedTree: undefined,
    writtenDependencies: undefined,
    results: new Map(),
    byWriter: false,
  };
}
