import type { CheckGoals } from '../../domain/assignment.ts';
import type { Check } from '../../domain/check.ts';
import { checkStateCodes, outcomeCodes } from './codes.ts';
import { toJson } from './json-column.ts';
import type { Schema } from './schema.ts';

/** The columns of a check without its options. */
export const checkColumns = [
  'work_plan_id',
  'id',
  'state',
  'kind',
  'outcome',
  'version',
  'revision',
  'created_at',
  'updated_at',
  'goals_json',
  'result_count',
] as const;

export type CheckRow = Pick<Schema['checks'], (typeof checkColumns)[number]>;

export function toCheckRow(check: Check): CheckRow {
  return {
    work_plan_id: check.planId,
    id: check.id,
    state: checkStateCodes.encode(check.state),
    kind: check.kind,
    outcome: outcomeCodes.encodeOptional(check.outcome),
    version: check.version,
    revision: check.revision,
    created_at: check.createdAt,
    updated_at: check.updatedAt,
    goals_json: toJson(check.goals),
    result_count: check.resultCount,
  };
}

export function fromCheckRow(row: CheckRow): Check {
  return {
    planId: row.work_plan_id,
    id: row.id,
    state: checkStateCodes.decode(row.state),
    kind: row.kind,
    outcome: outcomeCodes.decodeOptional(row.outcome),
    version: row.version,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    goals: parseGoals(row.goals_json),
    resultCount: row.result_count,
  };
}

function parseGoals(text: string | null): CheckGoals | undefined {
  return text === null ? undefined : JSON.parse(text);
}
