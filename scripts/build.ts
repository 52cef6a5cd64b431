/**
 * Builds dist/: the JavaScript and the declarations of src/.
 *
 * dist/ stands beside gen/, migrations/ and package.json just as src/ does, and is as deep, so that a relative path
 * from a module of src/ to one of them is right in dist/ too; nothing is copied.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  ['node_modules/@typescript/native/bin/tsc', '--project', 'tsconfig.build.json'],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
