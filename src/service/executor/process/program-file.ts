import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { cannotStart, quoted, StartError } from './start-error.ts';

/** Where the system looks if there is no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';

type Program = {
  readonly file: string;
  /** Undefined = the server's own. */
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * Throws StartError if there is no such working directory or program. The rules are those of execvp, which cannot be
 * asked: it is a shell that becomes the program. What is not foreseen (a script whose interpreter is missing) is told by
 * that shell, with exit status 126 or 127. Waits for the disk, as a spawn of the program would.
 */
export function requireProgram({ file, cwd, env }: Program): void {
  if (cwd !== undefined && !isDirectory(cwd)) {
    throw new StartError(`the working directory ${quoted(cwd)} is not there`);
  }
  const folders = file.includes('/') ? [''] : (env.PATH ?? DEFAULT_PATH).split(':');
  let fault: unknown;
  for (const folder of folders) {
    try {
      requireExecutable(resolve(cwd ?? '', folder, file));
      return;
    } catch (error) {
      // One that may not be executed says more than the folders without it.
      if (fault === undefined || isDenial(error)) fault = error;
    }
  }
  throw cannotStart(file, fault);
}

function requireExecutable(path: string): void {
  accessSync(path, constants.X_OK);
  if (isDirectory(path)) throw Object.assign(new Error('a folder'), { code: 'EACCES' });
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isDenial(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EACCES';
}
