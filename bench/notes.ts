import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import { serverEntries } from './processes.ts';

/** What of the build is measured, if it is there. */
const OF_THE_BUILD: readonly string[] = ['start', 'memory'];

/** What a reader of the figures has to know, by what it is about. */
export function notesOn(
  { fileSystem }: Pick<Machine, 'fileSystem'>,
  measured: readonly string[],
): Readonly<Record<string, string>> {
  const build = OF_THE_BUILD.some((name) => measured.includes(name)) ? noteOnBuild(serverEntries.built) : undefined;
  return {
    ...(build === undefined ? {} : { build }),
    ...(fileSystem === 'tmpfs' ? { disk: 'on tmpfs an fsync costs nothing; TMPDIR names another place' } : {}),
  };
}

function noteOnBuild(built: string | undefined): string | undefined {
  if (built === undefined) return 'dist/ is not there (npm run build), so start and memory are those of the source';
  const source = fileURLToPath(new URL('../src', import.meta.url));
  if (newestIn(source) <= statSync(built).mtimeMs) return undefined;
  return 'dist/ is older than src/ (npm run build), so its rows are those of an earlier state';
}

function newestIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.test.ts'),
  );
  return Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
}
