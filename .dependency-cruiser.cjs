// The import arrows of src/ (see "The house" in docs/): transport → endpoint → service → storage (interfaces) → domain,
// storage/sqlite → storage + domain; main.ts and server.ts wire everything. `npm run check` fails on any other import.

const OURS = '^(src|gen|migrations|tests|bench|scripts|examples)/';
const TEST = '[.]test[.]ts$';
const OUTSIDE = '^(tests|bench|scripts|examples)/';

/** A layer and all of our own code that it may import; tests beside the source are free. */
const layer = (name, from, allowed) => ({
  name: `layer-${name}`,
  comment: `${name} may import only: ${allowed.join(', ') || 'nothing of ours'}`,
  severity: 'error',
  from: { path: from, pathNot: TEST },
  to: { path: OURS, pathNot: allowed },
});

/** A library and the only places that may import it. */
const library = (name, packages, owners) => ({
  name: `library-${name}`,
  comment: `only these import it: ${owners.join(', ')}`,
  severity: 'error',
  from: { path: OURS, pathNot: [...owners, TEST, OUTSIDE] },
  to: { path: `(^|/)node_modules/(@types/)?(${packages.join('|')})/` },
});

/** A folder or file of ours and the only places that may import it. */
const owned = (name, target, owners) => ({
  name: `owned-${name}`,
  comment: `only these import it: ${owners.join(', ')}`,
  severity: 'error',
  from: { path: OURS, pathNot: [target, ...owners, TEST, OUTSIDE] },
  to: { path: target },
});

const WIRING = '^src/(main|server)[.]ts$';

module.exports = {
  forbidden: [
    layer('domain', '^src/domain/', ['^src/domain/']),
    layer('storage', '^src/storage/[^/]+[.]ts$', ['^src/storage/[^/]+[.]ts$', '^src/domain/']),
    layer('storage-implementation', '^src/storage/([^/]+)/', [
      '^src/storage/$1/',
      '^src/storage/[^/]+[.]ts$',
      '^src/domain/',
      '^migrations/',
    ]),
    layer('service', '^src/service/', ['^src/service/', '^src/storage/[^/]+[.]ts$', '^src/domain/']),
    layer('endpoint', '^src/endpoint/', ['^src/endpoint/', '^src/service/', '^src/domain/']),
    layer('transport', '^src/transport/', ['^src/transport/', '^src/endpoint/', '^src/domain/', '^gen/']),
    layer('cli', '^src/cli/', [
      '^src/cli/',
      '^src/platform/',
      '^src/runner/',
      '^src/(main|server|config)[.]ts$',
      '^src/domain/(duration|limits)[.]ts$',
      // Of what runs commands, the parts that serve any process.
      '^src/service/executor/process/(process-group|tail)[.]ts$',
      '^gen/',
    ]),
    layer('runner', '^src/runner/', ['^src/runner/', '^gen/']),
    layer('platform', '^src/platform/', ['^src/platform/', '^src/domain/']),
    layer('config', '^src/config[.]ts$', ['^src/domain/']),
    layer('migrations', '^migrations/', ['^migrations/']),
    layer('gen', '^gen/', ['^gen/']),
    layer('wiring', WIRING, ['^src/', '^gen/']),

    owned('gen', '^gen/', ['^src/(transport|cli|runner)/', WIRING]),
    owned('runner', '^src/runner/', ['^src/cli/']),
    owned('platform', '^src/platform/', ['^src/cli/', WIRING]),
    owned('config', '^src/config[.]ts$', ['^src/cli/', WIRING]),
    owned('server', '^src/server[.]ts$', ['^src/cli/', WIRING]),
    owned('main', '^src/(cli/)?main[.]ts$', ['^src/cli/command/serve[.]ts$']),

    library('sql', ['kysely', 'better-sqlite3'], ['^src/storage/sqlite/', '^migrations/']),
    library('zod', ['zod'], ['^src/endpoint/', '^src/cli/', '^src/config[.]ts$']),
    library('grpc', ['@grpc/[^/]+'], ['^src/(transport|cli|runner)/']),
    library('connect', ['@connectrpc/[^/]+'], ['^src/transport/']),
    library('protobuf', ['@bufbuild/protobuf'], ['^src/(transport|cli|runner)/', '^gen/']),
    library('cli', ['commander', 'log-update', 'yaml'], ['^src/cli/']),
    library('uuid', ['uuid'], ['^src/platform/']),

    {
      name: 'domain-is-pure',
      comment: 'The domain does no I/O: no Node module is imported there.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'model-is-a-second-opinion',
      comment: 'The reference model is written from semantics.md alone: it imports nothing but its own files.',
      severity: 'error',
      from: { path: '^tests/model/reference/' },
      to: { pathNot: '^tests/model/reference/' },
    },
    {
      name: 'no-tests-in-source',
      comment: 'Nothing imports a test file.',
      severity: 'error',
      from: {},
      to: { path: TEST },
    },
    {
      name: 'no-dev-dependency-in-source',
      comment: 'What runs for a user is a dependency, not a devDependency.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'no-undeclared-dependency',
      comment: 'Every package that is imported stands in package.json.',
      severity: 'error',
      from: { path: OURS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'Every import leads to a file.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-cycle',
      comment: 'Modules, types included, form no cycle.',
      severity: 'error',
      from: { path: OURS },
      to: { circular: true },
    },
    {
      name: 'no-orphan',
      comment: 'A module that imports nothing and that nothing imports is dead.',
      severity: 'error',
      from: { orphan: true, path: '^src/' },
      to: {},
    },
  ],
  options: {
    // No parser for .ts, no arrows: TypeScript 6 is installed for this tool alone, since version 7 has no JavaScript API.
    parser: 'tsc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
