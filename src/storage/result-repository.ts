import type { CheckResult } from '../domain/check.ts';

/** A result that the end of its owner or of its check finalized. */
export type FinalizedResult = { readonly checkId: string; readonly result: CheckResult };

export interface ResultRepository {
  find(planId: string, checkId: string, ownerType: string, ownerId: string): Promise<CheckResult | undefined>;
  /** Stores a new result (its `id` is ignored) and answers it with its id. */
  insert(planId: string, checkId: string, result: CheckResult): Promise<CheckResult>;
  /** Replaces data, failure and finalization of the result with this id. */
  replace(planId: string, checkId: string, result: CheckResult): Promise<void>;
  /** Finalizes the check's results that are not; answers those it touched. */
  finalizeOfCheck(planId: string, checkId: string, at: number): Promise<readonly CheckResult[]>;
  /** Finalizes an owner's results that are not, on all checks of the plan; answers those it touched. */
  finalizeOfOwner(planId: string, ownerType: string, ownerId: string, at: number): Promise<readonly FinalizedResult[]>;
  /** Ids of the checks that an owner has results on. */
  checkIdsOf(planId: string, ownerType: string, ownerId: string): Promise<readonly string[]>;
  /** Marks an owner's result on a check as superseded: it is kept and shown, but counts for no outcome. */
  supersede(planId: string, checkId: string, ownerType: string, ownerId: string): Promise<void>;
  /** Whether a result that counts (not superseded) has a failure. */
  hasFailure(planId: string, checkId: string): Promise<boolean>;
}
