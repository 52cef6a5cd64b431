/**
 * Holds package.json and package-lock.json to what makes `npm ci` work for everybody; `--write` repairs what it can.
 *
 * - Versions are exact: npm started by an old Node otherwise silently takes the newest version that allows that Node.
 * - Every package for another platform that is asked for stands in the lock file: npm leaves out those the registry did
 *   not have at that moment, and `npm ci` then fails.
 * - better-sqlite3 is marked `gypfile: false`, as in its own package.json. npm does not copy the mark into the lock file
 *   and would run node-gyp at every `npm ci`, which needs Python and make though nothing is compiled.
 * - No registry address: the lock file works with any registry.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Versions = Readonly<Record<string, string>>;
type LockedPackage = {
  version?: string;
  resolved?: string;
  gypfile?: boolean;
  optionalDependencies?: Versions;
};
type Lockfile = { packages: Record<string, LockedPackage> };
type Manifest = { dependencies: Versions; devDependencies: Versions };

const MANIFEST = fileURLToPath(new URL('../package.json', import.meta.url));
const LOCKFILE = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const SHIPS_BINARIES = 'node_modules/better-sqlite3';

const EXACT = /^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;

const manifest: Manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'));
const lockfile: Lockfile = JSON.parse(readFileSync(LOCKFILE, 'utf8'));

if (process.argv.includes('--write')) {
  repair();
}
const problems = [...inexactVersions(), ...missingPlatforms(), ...implicitBuilds(), ...addresses()];
for (const problem of problems) {
  console.error(problem);
}
process.exitCode = problems.length > 0 ? 1 : 0;

function repair(): void {
  const shipsBinaries = lockfile.packages[SHIPS_BINARIES];
  if (shipsBinaries) {
    shipsBinaries.gypfile = false;
  }
  for (const locked of Object.values(lockfile.packages)) {
    if (locked.resolved?.startsWith('http')) {
      delete locked.resolved;
    }
  }
  writeFileSync(LOCKFILE, `${JSON.stringify(lockfile, null, 2)}\n`);
}

function inexactVersions(): string[] {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => `package.json: ${name} is "${version}", not an exact version`);
}

function missingPlatforms(): string[] {
  return Object.entries(lockfile.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !(`${path}/node_modules/${name}` in lockfile.packages))
      .filter((name) => !(`node_modules/${name}` in lockfile.packages))
      .map((name) => `package-lock.json: ${path} asks for ${name}, which is not locked; take an older release of it`),
  );
}

function implicitBuilds(): string[] {
  return lockfile.packages[SHIPS_BINARIES]?.gypfile === false
    ? []
    : [`package-lock.json: ${SHIPS_BINARIES} has no "gypfile": false; run \`npm run lock\``];
}

function addresses(): string[] {
  return Object.entries(lockfile.packages)
    .filter(([, { resolved }]) => resolved?.startsWith('http'))
    .map(([path]) => `package-lock.json: ${path} names a registry; run \`npm run lock\``);
}
