/**
 * Everything that a change must pass beside the tests: `npm run check`, or `npm run check -- types lint` for some of it.
 * All steps run, also after one failed; the exit status is 1 if any did.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a step found: nothing, or the text to show. */
type Step = { readonly name: string; readonly run: () => string | undefined };

const root = fileURLToPath(new URL('..', import.meta.url));

/** buf looks for protoc-gen-es on the PATH; npm would put it there, but a step may be started without npm. */
const env = { ...process.env, PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter) };

/** The folders with code of ours, as far as they exist. */
const code = ['src', 'gen', 'migrations', 'tests', 'bench', 'scripts', 'examples'].filter((folder) =>
  existsSync(join(root, folder)),
);

const steps: readonly Step[] = [
  { name: 'lockfile', run: () => script('scripts/lockfile.ts') },
  {
    name: 'lint',
    run: () => script('node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '--error-on-warnings'),
  },
  { name: 'types', run: () => script('node_modules/@typescript/native/bin/tsc', '--noEmit') },
  {
    name: 'arrows',
    run: () =>
      script(
        'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
        '--config',
        '.dependency-cruiser.cjs',
        '--output-type',
        'err-long',
        ...code,
      ),
  },
  { name: 'buf-lint', run: () => buf('lint') },
  { name: 'buf-format', run: () => buf('format', '--diff', '--exit-code') },
  { name: 'buf-breaking', run: () => buf('breaking', '--against', 'proto/baseline.binpb') },
  { name: 'generated', run: generatedIsCurrent },
];

process.exitCode = check(process.argv.slice(2));

function check(wanted: readonly string[]): number {
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}`);
    return 2;
  }
  const chosen = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name));
  const failed = chosen.filter((step) => !passes(step));
  console.log(failed.length === 0 ? 'check passed' : `check failed: ${failed.map((step) => step.name).join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

function passes(step: Step): boolean {
  const start = performance.now();
  const problem = step.run();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${step.name.padEnd(14)} ${seconds.padStart(5)} s`);
  if (problem !== undefined) {
    console.log(problem.trimEnd().replaceAll(/^/gm, '    '));
  }
  return problem === undefined;
}

/** Runs a script of Node, ours or a tool's, under the Node that runs this one. */
function script(path: string, ...args: readonly string[]): string | undefined {
  return complaint(spawnSync(process.execPath, [path, ...args], { cwd: root, env, encoding: 'utf8' }));
}

function buf(...args: readonly string[]): string | undefined {
  return script('node_modules/@bufbuild/buf/bin/buf', ...args);
}

function complaint({ status, stdout, stderr, error }: SpawnSyncReturns<string>): string | undefined {
  return status === 0 ? undefined : `${stdout}${stderr}${error?.message ?? ''}` || `exit status ${status}`;
}

/** Generates into a temporary folder and compares it with gen/, file by file. */
function generatedIsCurrent(): string | undefined {
  const fresh = mkdtempSync(join(tmpdir(), 'turboci-gen-'));
  try {
    return buf('generate', '--output', fresh) ?? difference(join(root, 'gen'), join(fresh, 'gen'));
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

function difference(committed: string, fresh: string): string | undefined {
  const files = new Set([committed, fresh].flatMap((folder) => globSync('**/*.{js,ts}', { cwd: folder })));
  const stale = [...files].filter((file) => read(join(committed, file)) !== read(join(fresh, file))).sort();
  return stale.length === 0 ? undefined : `out of date, run \`npm run generate\`:\n${stale.join('\n')}`;
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
