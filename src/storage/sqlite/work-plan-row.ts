import type { WorkPlan } from '../../domain/work-plan.ts';
import { outcomeCodes, workPlanStateCodes } from './codes.ts';
import type { Schema } from './schema.ts';

/** What every edit may change; state and outcome apart. */
export const workPlanChangeColumns = [
  'version',
  'checks_planning',
  'checks_planned',
  'checks_waiting',
  'checks_final',
  'stages_planned',
  'stages_attempting',
  'stages_awaiting_group',
  'stages_final',
  'nodes_failed',
  'nodes_cancelled',
  'updated_at',
  'cancelled_at',
  'cancel_reason',
] as const;

/** What is indexed, and changes seldom. */
export const workPlanStateColumns = ['state', 'outcome'] as const;

export const workPlanColumns = ['id', 'created_at', ...workPlanStateColumns, ...workPlanChangeColumns] as const;

export type WorkPlanRow = Pick<Schema['work_plans'], (typeof workPlanColumns)[number]>;

/** A plan's row with its metadata as one JSON object. */
export type WorkPlanViewRow = WorkPlanRow & { readonly metadata_json: string };

export function toWorkPlanRow(plan: WorkPlan): WorkPlanRow {
  const { checks, stages, failed, cancelled } = plan.counts;
  return {
    id: plan.id,
    state: workPlanStateCodes.encode(plan.state),
    outcome: outcomeCodes.encodeOptional(plan.outcome),
    version: plan.version,
    checks_planning: checks.PLANNING,
    checks_planned: checks.PLANNED,
    checks_waiting: checks.WAITING,
    checks_final: checks.FINAL,
    stages_planned: stages.PLANNED,
    stages_attempting: stages.ATTEMPTING,
    stages_awaiting_group: stages.AWAITING_GROUP,
    stages_final: stages.FINAL,
    nodes_failed: failed,
    nodes_cancelled: cancelled,
    created_at: plan.createdAt,
    updated_at: plan.updatedAt,
    cancelled_at: plan.cancelledAt ?? null,
    cancel_reason: plan.cancelReason,
  };
}

export function fromWorkPlanRow(row: WorkPlanViewRow): WorkPlan {
  return {
    id: row.id,
    state: workPlanStateCodes.decode(row.state),
    outcome: outcomeCodes.decodeOptional(row.outcome),
    version: row.version,
    metadata: JSON.parse(row.metadata_json),
    counts: {
      checks: {
        PLANNING: row.checks_planning,
        PLANNED: row.checks_planned,
        WAITING: row.checks_waiting,
        FINAL: row.checks_final,
      },
      stages: {
        PLANNED: row.stages_planned,
        ATTEMPTING: row.stages_attempting,
        AWAITING_GROUP: row.stages_awaiting_group,
        FINAL: row.stages_final,
      },
      failed: row.nodes_failed,
      cancelled: row.nodes_cancelled,
    },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    cancelledAt: row.cancelled_at ?? undefined,
    cancelReason: row.cancel_reason,
  };
}
