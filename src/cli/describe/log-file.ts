import { type FileHandle, open, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { printable } from '../output.ts';

/**
 * The lines of a log, safe for a terminal, if it is a file that can be read here; else one that says why it cannot. The
 * path comes from whoever executed the attempt: only a regular file is opened, so nothing is waited for.
 */
export async function* logLines(path: string): AsyncGenerator<string, void, undefined> {
  let file: FileHandle;
  try {
    if (!isAbsolute(path) || !(await stat(path)).isFile()) throw new Error('no file');
    file = await open(path);
  } catch (error) {
    yield `not readable here (${reasonOf(error)}): it is on the machine where the attempt was executed`;
    return;
  }
  for await (const line of file.readLines({ encoding: 'utf8' })) yield printable(line);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}
