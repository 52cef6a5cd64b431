import type { CheckResult } from '../../domain/check.ts';
import { fromFailureColumns, toFailureColumns } from './failure-columns.ts';
import { fromJson, toJson } from './json-column.ts';
import type { Schema } from './schema.ts';

/** The columns of a result without its data. */
export const resultHeadColumns = [
  'id',
  'owner_type',
  'owner_id',
  'created_at',
  'finalized_at',
  'failure_message',
  'failure_reason',
  'failure_at',
] as const;

export const resultColumns = [...resultHeadColumns, 'data_json'] as const;

type ResultRow = Pick<Schema['check_results'], (typeof resultColumns)[number]>;

export function toResultRow(result: CheckResult) {
  return {
    owner_type: result.ownerType,
    owner_id: result.ownerId,
    data_json: toJson(result.data),
    created_at: result.createdAt,
    finalized_at: result.finalizedAt ?? null,
    ...toFailureColumns(result.failure),
  };
}

export function fromResultRow(row: ResultRow): CheckResult {
  return {
    id: row.id,
    ownerType: row.owner_type,
    ownerId: row.owner_id,
    data: fromJson(row.data_json),
    failure: fromFailureColumns(row),
    createdAt: row.created_at,
    finalizedAt: row.finalized_at ?? undefined,
  };
}
