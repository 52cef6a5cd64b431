import type { Attempt, ProgressEntry } from '../../domain/attempt.ts';
import { attemptDueAt } from '../../domain/due.ts';
import type { AttemptKey } from '../attempt-repository.ts';
import { attemptStateCodes, dispatchKindCodes } from './codes.ts';
import { fromFailureColumns, toFailureColumns } from './failure-columns.ts';
import { fromJson } from './json-column.ts';
import type { Schema } from './schema.ts';

/** The columns that name an attempt. */
export const attemptKeyColumns = ['work_plan_id', 'stage_id', 'idx'] as const;

export function fromAttemptKeyRow(row: Pick<Schema['stage_attempts'], (typeof attemptKeyColumns)[number]>): AttemptKey {
  return { planId: row.work_plan_id, stageId: row.stage_id, idx: row.idx };
}

/** What changes when an attempt is handed out, taken back or confirmed. */
export const attemptHandOutColumns = [
  'process_uid',
  'execution_id',
  'dispatch',
  'runner_id',
  'available_at',
  'confirm_by',
] as const;

/** What else changes; details apart. */
export const attemptChangeColumns = [
  'state',
  'failure_message',
  'failure_reason',
  'failure_at',
  'updated_at',
  'started_at',
  'ended_at',
  'deadline',
  'heartbeat_by',
  'cancel_by',
  'answer_digest',
  'progress_percent',
  'progress_count',
  'block_new_attempts',
] as const;

/** The columns that make an attempt; details and bookkeeping apart. */
export const attemptColumns = [
  ...attemptKeyColumns,
  'created_at',
  ...attemptHandOutColumns,
  ...attemptChangeColumns,
] as const;

type AttemptRow = Pick<Schema['stage_attempts'], (typeof attemptColumns)[number]>;

/** An attempt's row with the time of its next timer, which follows from the rest. */
export type StoredAttemptRow = AttemptRow & Pick<Schema['stage_attempts'], 'due_at'>;

export function toAttemptRow(attempt: Attempt): StoredAttemptRow {
  return {
    work_plan_id: attempt.planId,
    stage_id: attempt.stageId,
    idx: attempt.idx,
    state: attemptStateCodes.encode(attempt.state),
    process_uid: attempt.processUid ?? null,
    ...toFailureColumns(attempt.failure),
    execution_id: attempt.executionId ?? null,
    dispatch: dispatchKindCodes.encodeOptional(attempt.dispatch),
    runner_id: attempt.runnerId ?? null,
    created_at: attempt.createdAt,
    updated_at: attempt.updatedAt,
    started_at: attempt.startedAt ?? null,
    ended_at: attempt.endedAt ?? null,
    available_at: attempt.availableAt,
    deadline: attempt.deadline ?? null,
    heartbeat_by: attempt.heartbeatBy ?? null,
    cancel_by: attempt.cancelBy ?? null,
    confirm_by: attempt.confirmBy ?? null,
    answer_digest: attempt.answerDigest ?? null,
    progress_percent: attempt.progressPercent,
    progress_count: attempt.progressCount,
    block_new_attempts: Number(attempt.blockNewAttempts),
    due_at: attemptDueAt(attempt) ?? null,
  };
}

export function fromAttemptRow(row: AttemptRow): Attempt {
  return {
    ...fromAttemptKeyRow(row),
    state: attemptStateCodes.decode(row.state),
    processUid: row.process_uid ?? undefined,
    failure: fromFailureColumns(row),
    executionId: row.execution_id ?? undefined,
    dispatch: dispatchKindCodes.decodeOptional(row.dispatch),
    runnerId: row.runner_id ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    availableAt: row.available_at,
    deadline: row.deadline ?? undefined,
    heartbeatBy: row.heartbeat_by ?? undefined,
    cancelBy: row.cancel_by ?? undefined,
    confirmBy: row.confirm_by ?? undefined,
    answerDigest: row.answer_digest ?? undefined,
    progressPercent: row.progress_percent,
    progressCount: row.progress_count,
    blockNewAttempts: row.block_new_attempts === 1,
  };
}

export const progressColumns = ['message', 'timestamp', 'details_json', 'percent', 'idempotency_key'] as const;

export function fromProgressRow(
  row: Pick<Schema['attempt_progress'], (typeof progressColumns)[number]>,
): ProgressEntry {
  return {
    message: row.message,
    timestamp: row.timestamp,
    details: fromJson(row.details_json),
    percent: row.percent ?? undefined,
    idempotencyKey: row.idempotency_key ?? '',
  };
}
