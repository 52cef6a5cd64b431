import { StorageOpenError } from './open-error.ts';

/** The first SQLite without the WAL-reset bug, which could corrupt a database that checkpoints while it is written. */
const LEAST_SQLITE = '3.51.3';

/** Refuses a SQLite library that may lose data. */
export function assertSqliteVersion(version: string): void {
  if (compareVersions(version, LEAST_SQLITE) < 0) {
    throw new StorageOpenError('SQLITE_TOO_OLD', `SQLite ${version} is too old: at least ${LEAST_SQLITE} is needed`);
  }
}

/** Refuses a database that a newer release of the server has migrated. */
export function assertKnownSchema(path: string, applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new StorageOpenError(
      'SCHEMA_TOO_NEW',
      `${path} was written by a newer release (unknown migrations: ${unknown.join(', ')}): upgrade the server`,
    );
  }
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}
