import type { Assignment } from '../../domain/assignment.ts';
import { stageDueAt } from '../../domain/due.ts';
import type { Stage } from '../../domain/stage.ts';
import { concludedReasonCodes, executionModeCodes, goalStateCodes, outcomeCodes, stageStateCodes } from './codes.ts';
import type { Schema } from './schema.ts';

/** The columns of a stage without its args. */
export const stageColumns = [
  'work_plan_id',
  'id',
  'state',
  'execution_mode',
  'runner_type',
  'policy_max_attempts',
  'policy_attempt_timeout_ms',
  'policy_heartbeat_timeout_ms',
  'policy_stage_timeout_ms',
  'policy_backoff_initial_ms',
  'policy_backoff_multiplier',
  'policy_backoff_max_ms',
  'outcome',
  'concluded_reason',
  'parent_stage_id',
  'cancelled_at',
  'cancel_reason',
  'timed_out',
  'attempt_count',
  'open_children',
  'has_continuation_group',
  'version',
  'revision',
  'created_at',
  'updated_at',
] as const;

export type StageRow = Pick<Schema['stages'], (typeof stageColumns)[number]>;

/** A stage's row with the time of its next timer, which follows from the rest. */
export type StoredStageRow = StageRow & Pick<Schema['stages'], 'due_at'>;

/** The columns of a stage that can change. */
export type StageChangeRow = ReturnType<typeof toStageChangeRow>;

export function toStageChangeRow(stage: Stage) {
  return {
    work_plan_id: stage.planId,
    id: stage.id,
    state: stageStateCodes.encode(stage.state),
    outcome: outcomeCodes.encodeOptional(stage.outcome),
    concluded_reason: concludedReasonCodes.encodeOptional(stage.concludedReason),
    cancelled_at: stage.cancelledAt ?? null,
    cancel_reason: stage.cancelReason,
    timed_out: Number(stage.timedOut),
    due_at: stageDueAt(stage) ?? null,
    attempt_count: stage.attemptCount,
    open_children: stage.openChildren,
    has_continuation_group: Number(stage.hasContinuationGroup),
    version: stage.version,
    revision: stage.revision,
    updated_at: stage.updatedAt,
  };
}

export function toStageRow(stage: Stage): StoredStageRow {
  const { policy } = stage;
  return {
    ...toStageChangeRow(stage),
    execution_mode: executionModeCodes.encode(stage.executionMode),
    runner_type: stage.runnerType,
    policy_max_attempts: policy.maxAttempts,
    policy_attempt_timeout_ms: policy.attemptTimeoutMs,
    policy_heartbeat_timeout_ms: policy.heartbeatTimeoutMs,
    policy_stage_timeout_ms: policy.stageTimeoutMs,
    policy_backoff_initial_ms: policy.backoffInitialMs,
    policy_backoff_multiplier: policy.backoffMultiplier,
    policy_backoff_max_ms: policy.backoffMaxMs,
    parent_stage_id: stage.parentStageId === '' ? null : stage.parentStageId,
    created_at: stage.createdAt,
  };
}

export function fromStageRow(row: StageRow): Stage {
  return {
    planId: row.work_plan_id,
    id: row.id,
    state: stageStateCodes.decode(row.state),
    executionMode: executionModeCodes.decode(row.execution_mode),
    runnerType: row.runner_type,
    policy: {
      maxAttempts: row.policy_max_attempts,
      attemptTimeoutMs: row.policy_attempt_timeout_ms,
      heartbeatTimeoutMs: row.policy_heartbeat_timeout_ms,
      stageTimeoutMs: row.policy_stage_timeout_ms,
      backoffInitialMs: row.policy_backoff_initial_ms,
      backoffMultiplier: row.policy_backoff_multiplier,
      backoffMaxMs: row.policy_backoff_max_ms,
    },
    outcome: outcomeCodes.decodeOptional(row.outcome),
    concludedReason: concludedReasonCodes.decodeOptional(row.concluded_reason),
    parentStageId: row.parent_stage_id ?? '',
    cancelledAt: row.cancelled_at ?? undefined,
    cancelReason: row.cancel_reason,
    timedOut: row.timed_out === 1,
    attemptCount: row.attempt_count,
    openChildren: row.open_children,
    hasContinuationGroup: row.has_continuation_group === 1,
    version: row.version,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export type AssignmentRow = Pick<Schema['stage_assignments'], 'target_check_id' | 'goal_state'>;

export function fromAssignmentRow(row: AssignmentRow): Assignment {
  return { targetCheckId: row.target_check_id, goalState: goalStateCodes.decode(row.goal_state) };
}
