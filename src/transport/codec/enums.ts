import {
  AttemptState as AttemptStatePb,
  CheckState as CheckStatePb,
  ConcludedReason as ConcludedReasonPb,
  DependencyCondition as ConditionPb,
  ExecutionMode as ExecutionModePb,
  NodeType as NodeTypePb,
  NodeView as NodeViewPb,
  Outcome as OutcomePb,
  PredicateType as PredicatePb,
  Resolution as ResolutionPb,
  StageState as StageStatePb,
  WorkPlanState as WorkPlanStatePb,
} from '../../../gen/turboci/v1/common_pb.js';
import type { AttemptState } from '../../domain/attempt.ts';
import type { CheckState } from '../../domain/check.ts';
import type { Predicate, Resolution } from '../../domain/dependency/group.ts';
import type { NodeType, NodeView } from '../../domain/node.ts';
import type { Condition, Outcome } from '../../domain/outcome.ts';
import type { ConcludedReason, ExecutionMode, StageState } from '../../domain/stage.ts';
import type { WorkPlanState } from '../../domain/work-plan.ts';

/** An enum of the contract beside the domain's words for its values. */
export type EnumCodec<Word extends string, Value extends number> = {
  /** The value of each word. */
  readonly value: Readonly<Record<Word, Value>>;
  /**
   * A number from the wire as a word: undefined for 0, which means "not given" everywhere in the contract, and the
   * number itself when it is unknown, so that the request's schema can name it together with its place.
   */
  readonly read: (value: number) => Word | number | undefined;
};

function enumCodec<Word extends string, Value extends number>(
  value: Readonly<Record<Word, Value>>,
): EnumCodec<Word, Value> {
  const words = new Map<number, Word>();
  for (const word in value) words.set(value[word], word);
  return { value, read: (number) => (number === 0 ? undefined : (words.get(number) ?? number)) };
}

export const checkState = enumCodec<CheckState, CheckStatePb>({
  PLANNING: CheckStatePb.PLANNING,
  PLANNED: CheckStatePb.PLANNED,
  WAITING: CheckStatePb.WAITING,
  FINAL: CheckStatePb.FINAL,
});

export const stageState = enumCodec<StageState, StageStatePb>({
  PLANNED: StageStatePb.PLANNED,
  ATTEMPTING: StageStatePb.ATTEMPTING,
  AWAITING_GROUP: StageStatePb.AWAITING_GROUP,
  FINAL: StageStatePb.FINAL,
});

/** The wire counts from 10 on; the database keeps numbers of its own. */
export const attemptState = enumCodec<AttemptState, AttemptStatePb>({
  PENDING: AttemptStatePb.PENDING,
  SCHEDULED: AttemptStatePb.SCHEDULED,
  RUNNING: AttemptStatePb.RUNNING,
  COMPLETE: AttemptStatePb.COMPLETE,
  INCOMPLETE: AttemptStatePb.INCOMPLETE,
});

export const workPlanState = enumCodec<WorkPlanState, WorkPlanStatePb>({
  ACTIVE: WorkPlanStatePb.ACTIVE,
  COMPLETE: WorkPlanStatePb.COMPLETE,
  CANCELLED: WorkPlanStatePb.CANCELLED,
});

export const predicate = enumCodec<Predicate, PredicatePb>({
  AND: PredicatePb.AND,
  OR: PredicatePb.OR,
  THRESHOLD: PredicatePb.THRESHOLD,
});

export const nodeType = enumCodec<NodeType, NodeTypePb>({ CHECK: NodeTypePb.CHECK, STAGE: NodeTypePb.STAGE });

export const nodeView = enumCodec<NodeView, NodeViewPb>({ BASIC: NodeViewPb.BASIC, FULL: NodeViewPb.FULL });

export const executionMode = enumCodec<ExecutionMode, ExecutionModePb>({
  SYNC: ExecutionModePb.SYNC,
  ASYNC: ExecutionModePb.ASYNC,
});

export const condition = enumCodec<Condition, ConditionPb>({
  FINAL: ConditionPb.FINAL,
  SUCCEEDED: ConditionPb.SUCCEEDED,
  FAILED: ConditionPb.FAILED,
});

export const resolution = enumCodec<Resolution, ResolutionPb>({
  SATISFIED: ResolutionPb.SATISFIED,
  UNSATISFIED: ResolutionPb.UNSATISFIED,
});

export const outcome = enumCodec<Outcome, OutcomePb>({
  SUCCEEDED: OutcomePb.SUCCEEDED,
  FAILED: OutcomePb.FAILED,
  CANCELLED: OutcomePb.CANCELLED,
  SKIPPED: OutcomePb.SKIPPED,
});

export const concludedReason = enumCodec<ConcludedReason, ConcludedReasonPb>({
  ATTEMPT_COMPLETE: ConcludedReasonPb.ATTEMPT_COMPLETE,
  NO_RETRIES_LEFT: ConcludedReasonPb.NO_RETRIES_LEFT,
  ATTEMPT_BLOCKED_RETRY: ConcludedReasonPb.ATTEMPT_BLOCKED_RETRY,
  STAGE_TIMEOUT: ConcludedReasonPb.STAGE_TIMEOUT,
  CANCELLED: ConcludedReasonPb.CANCELLED,
  DEPENDENCIES_UNSATISFIED: ConcludedReasonPb.DEPENDENCIES_UNSATISFIED,
  SKIPPED_BY_WRITER: ConcludedReasonPb.SKIPPED_BY_WRITER,
});
