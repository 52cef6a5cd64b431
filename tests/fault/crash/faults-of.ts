import { findViolations } from '../../support/invariants.ts';
import { RpcError } from '../../support/rpc-error.ts';
import type { CrashRig } from './crash-rig.ts';
import { readHistory } from './history.ts';

/** Whatever in the file breaks an invariant or contradicts the clients. */
export function faultsOf(path: string, rig: CrashRig): readonly unknown[] {
  return [...findViolations(path), ...rig.ledger.contradictions(readHistory(path))];
}

/** The gRPC codes among errors, each once; an error that has none stands for itself. */
export function codesOf(errors: readonly unknown[]): readonly unknown[] {
  return [...new Set(errors.map((error) => (error instanceof RpcError ? error.code : error)))];
}
