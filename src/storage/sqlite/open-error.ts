import Database from 'better-sqlite3';

/** Why a storage cannot be opened; the process answers each with an exit status of its own. */
export type OpenFailure =
  | 'LOCKED'
  | 'SCHEMA_TOO_NEW'
  | 'SQLITE_TOO_OLD'
  | 'NOT_A_DATABASE'
  | 'READ_ONLY'
  | 'CANNOT_OPEN';

/** The storage cannot be opened; the message says what to do about it. */
export class StorageOpenError extends Error {
  readonly kind: OpenFailure;

  constructor(kind: OpenFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StorageOpenError';
    this.kind = kind;
  }
}

/** What went wrong while `path` was opened, as a StorageOpenError. */
export function toOpenError(path: string, error: unknown): StorageOpenError {
  if (error instanceof StorageOpenError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Database.SqliteError ? error.code : '';
  if (code.startsWith('SQLITE_NOTADB')) {
    return new StorageOpenError('NOT_A_DATABASE', `${path} is not a SQLite database`, error);
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return new StorageOpenError('READ_ONLY', `${path} cannot be written: ${message}`, error);
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return new StorageOpenError('LOCKED', `${path} is locked by another program`, error);
  }
  return new StorageOpenError('CANNOT_OPEN', `cannot open ${path}: ${message}`, error);
}
