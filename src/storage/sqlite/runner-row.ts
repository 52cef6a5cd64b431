import type { RunnerRegistration } from '../../domain/runner.ts';
import { type ExecutionMode, executionModes } from '../../domain/stage.ts';
import { executionModeCodes } from './codes.ts';
import type { Schema } from './schema.ts';

/** The columns of a registration. */
export const runnerColumns = [
  'registration_id',
  'runner_id',
  'runner_type',
  'address',
  'modes',
  'max_concurrent',
  'ttl_ms',
  'metadata_json',
  'registered_at',
  'renewed_at',
  'expires_at',
] as const;

type RunnerRow = Pick<Schema['stage_runners'], (typeof runnerColumns)[number]>;

export function toRunnerRow(registration: RunnerRegistration): RunnerRow {
  return {
    registration_id: registration.registrationId,
    runner_id: registration.runnerId,
    runner_type: registration.runnerType,
    address: registration.address,
    modes: toModeSet(registration.modes),
    max_concurrent: registration.maxConcurrent,
    ttl_ms: registration.ttlMs,
    metadata_json: JSON.stringify(registration.metadata),
    registered_at: registration.registeredAt,
    renewed_at: registration.renewedAt,
    expires_at: registration.expiresAt,
  };
}

export function fromRunnerRow(row: RunnerRow): RunnerRegistration {
  return {
    registrationId: row.registration_id,
    runnerId: row.runner_id,
    runnerType: row.runner_type,
    address: row.address,
    modes: fromModeSet(row.modes),
    maxConcurrent: row.max_concurrent,
    ttlMs: row.ttl_ms,
    metadata: JSON.parse(row.metadata_json),
    registeredAt: row.registered_at,
    renewedAt: row.renewed_at,
    expiresAt: row.expires_at,
  };
}

/** Modes as a set of bits: the code of each is a bit of its own. */
function toModeSet(modes: readonly ExecutionMode[]): number {
  return modes.reduce((set, mode) => set | executionModeCodes.encode(mode), 0);
}

function fromModeSet(set: number): ExecutionMode[] {
  return executionModes.filter((mode) => (set & executionModeCodes.encode(mode)) !== 0);
}
