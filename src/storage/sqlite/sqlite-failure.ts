import Database from 'better-sqlite3';
import { AppError } from '../../domain/error.ts';

/** Failures of the disk, the file or a lock; all others (a broken constraint, a wrong statement) are bugs. */
const UNAVAILABLE = /^SQLITE_(FULL|IOERR|BUSY|LOCKED|NOMEM|READONLY|CORRUPT|NOTADB|CANTOPEN|PROTOCOL|INTERRUPT|PERM)/;

const RETRY_AFTER_MS = 1000;

/** The storage cannot do its work now. */
export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('STORAGE_UNAVAILABLE', message, { cause, retryAfterMs: RETRY_AFTER_MS });
}

/** An error as callers may see it: failures of SQLite become STORAGE_UNAVAILABLE, everything else stays what it is. */
export function toCallerError(error: unknown): unknown {
  const isFailure = error instanceof Database.SqliteError && UNAVAILABLE.test(error.code);
  return isFailure ? unavailable('the storage is unavailable', error) : error;
}

/** Whether a failed COMMIT may nevertheless have become durable. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_IOERR');
}
