import type { FieldPath } from '../../domain/error.ts';
import type { Limits } from '../../domain/limits.ts';
import type { NodeRef } from '../../domain/node.ts';
import type { ExecutionPolicy } from '../../domain/policy.ts';
import type { CheckDraft } from '../edit/check-draft.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';
import type { StageDraft } from '../edit/stage-draft.ts';
import type { Executor } from '../executor/executor.ts';
import type { CheckWrite, StageWrite } from '../requests.ts';

/** What judging a write needs beside the plan. */
export type WriteRules = {
  readonly limits: Limits;
  readonly policyDefaults: ExecutionPolicy;
  /** By runner type. */
  readonly executors: ReadonlyMap<string, Executor>;
};

/** One check of a write: what it asks for, where it stands in the request, and the check itself. */
export type CheckOp = { readonly write: CheckWrite; readonly path: FieldPath; readonly draft: CheckDraft };

/** One stage of a write: what it asks for, where it stands in the request, and the stage itself. */
export type StageOp = { readonly write: StageWrite; readonly path: FieldPath; readonly draft: StageDraft };

/** A write on its way through the passes. */
export type WriteContext = {
  readonly edit: PlanEdit;
  readonly rules: WriteRules;
  readonly checks: readonly CheckOp[];
  readonly stages: readonly StageOp[];
  /** The stage in whose attempt's name the write comes. */
  readonly parent: StageDraft | undefined;
  /** Nodes whose dependencies or continuation group this write sets; children are found by their parent. */
  readonly gained: NodeRef[];
  /** Results that were written in the name of attempts and have to be judged against the live ones. */
  readonly attemptOwners: { readonly op: CheckOp; readonly ownerId: string }[];
};
