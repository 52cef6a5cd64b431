import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from './cli-error.ts';
import { exitCode } from './exit-code.ts';

const REMEDY = 'name another database with --db';

/**
 * Sees to it that a server can open a database file, which it would create. One that is not there, or empty, is an error
 * unless it may be created; then its folder is made, for its owner only.
 */
export async function prepareDatabase(path: string, mayCreate: boolean): Promise<void> {
  try {
    if (mayCreate) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    else if (!(await hasContent(path))) throw noDatabase(path);
  } catch (error) {
    throw openError(path, error);
  }
}

async function hasContent(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function noDatabase(path: string): CliError {
  const message = `there is no database ${path}`;
  return new CliError(message, { exitCode: exitCode.notFound, reason: 'NO_DATABASE', remedy: REMEDY });
}

function openError(path: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (cause instanceof CliError || code === undefined) return cause;
  const message = `cannot open ${path}: ${code}`;
  return new CliError(message, { exitCode: exitCode.cannotOpen, reason: 'CANNOT_OPEN', remedy: REMEDY, cause });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
