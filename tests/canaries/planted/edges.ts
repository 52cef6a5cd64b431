import type { Canary } from '../canary.ts';

const MIGRATOR = 'src/storage/sqlite/migrator.ts';

/** Limits, drains, defaults, upgrades. */
export const edges: readonly Canary[] = [
  {
    name: 'queue-without-end',
    promise: 'P11',
    bug: 'the queue of writes has no limit',
    plants: [
      {
        file: 'src/storage/sqlite/group-commit.ts',
        text: 'if (this.#queue.length >= this.#init.queueLimit)',
        by: 'if (this.#queue.length < 0)',
      },
    ],
    caughtBy: [
      {
        file: 'tests/conformance/sqlite.test.ts',
        test: 'refuses units beyond the queue',
        titledIn: 'tests/conformance/unit-cases.ts',
      },
    ],
  },
  {
    name: 'unread-answers-pile-up',
    promise: 'P11',
    bug: 'answers that nobody reads have no common bound',
    isReal: true,
    plants: [
      {
        file: 'src/transport/grpc/open-call.ts',
        text: '    this.#memory.outgoing.add(this, message.byteLength);\n',
        by: '',
      },
    ],
    caughtBy: [{ file: 'tests/abuse/slow.test.ts' }],
  },
  {
    name: 'reflection-kills',
    promise: 'P11',
    bug: 'a server that can not load reflection for its first call dies of it',
    isReal: true,
    plants: [
      {
        file: 'src/transport/grpc/server.ts',
        text: "this.#deps.log.warn({ err: error }, 'reflection can not be loaded');",
        by: 'throw error;',
      },
    ],
    caughtBy: [{ file: 'tests/fault/late-reflection.test.ts' }],
  },
  {
    name: 'missing-method-hangs',
    promise: 'P11',
    bug: 'a call of a method that health or reflection does not have is never answered',
    isReal: true,
    plants: [
      {
        file: 'src/transport/grpc/server.ts',
        text: 'return this.#hasHandler(path) ? undefined : missing(path);',
        by: "return this.#hasHandler(path) || path.startsWith('/grpc.') ? undefined : missing(path);",
      },
    ],
    caughtBy: [{ file: 'tests/e2e/transport-errors.test.ts', test: 'the unknown method' }],
  },
  {
    name: 'drain-leaves-streams',
    promise: 'P12',
    bug: 'a drain waits for watches that would never end',
    plants: [
      {
        file: 'src/transport/grpc/server.ts',
        text: 'else if (method.endsWithDrain) open.ctx?.abort(draining());',
        by: '',
      },
    ],
    caughtBy: [{ file: 'tests/e2e/transport-drain.test.ts', test: 'a drain ends watches' }],
  },
  {
    name: 'healthy-to-the-end',
    promise: 'P12',
    bug: 'a server that drains says SERVING until it is gone',
    plants: [{ file: 'src/transport/grpc/server.ts', text: '    this.announce(false);\n', by: '' }],
    caughtBy: [
      { file: 'tests/e2e/transport-drain.test.ts', test: 'a drain ends watches' },
      { file: 'tests/fault/drain.test.ts', test: 'health says NOT_SERVING' },
    ],
  },
  {
    name: 'commands-by-default',
    promise: 'P13',
    bug: 'the executor that runs commands is on unless it is switched off',
    plants: [
      {
        file: 'src/config.ts',
        text: "    onOff,\n    'off',\n    'on = stages may run commands",
        by: "    onOff,\n    'on',\n    'on = stages may run commands",
      },
    ],
    caughtBy: [{ file: 'src/config.test.ts', test: 'the defaults of the contract hold' }],
  },
  {
    name: 'commands-for-everybody',
    promise: 'P13',
    bug: 'commands may be run for callers from other machines',
    plants: [
      {
        file: 'src/config.ts',
        text: 'if (!processExecutor || socketPath !== undefined || isLoopback(host)) return;',
        by: 'if (!processExecutor || socketPath !== undefined || host !== undefined) return;',
      },
    ],
    caughtBy: [{ file: 'tests/e2e/transport-config.test.ts', test: 'commands of callers from other machines' }],
  },
  {
    name: 'newer-schema-opens',
    promise: 'P14',
    bug: 'a database that a newer release has migrated is opened all the same',
    plants: [
      {
        file: 'src/storage/sqlite/version-guard.ts',
        text: 'if (unknown.length > 0) {',
        by: 'if (unknown.length > 99) {',
      },
    ],
    caughtBy: [
      { file: 'src/storage/sqlite/open.test.ts', test: 'refuses a schema that a newer release has migrated' },
      { file: 'tests/fault/refused-start.test.ts', test: 'a newer release has migrated the file' },
    ],
  },
  {
    name: 'half-a-migration',
    promise: 'P14',
    bug: 'a migration that is cut leaves half a schema behind',
    isReal: true,
    plants: [
      { file: MIGRATOR, text: "  database.exec('BEGIN IMMEDIATE');\n", by: '' },
      { file: MIGRATOR, text: "    database.exec('COMMIT');\n", by: '' },
    ],
    caughtBy: [{ file: 'src/storage/sqlite/migrator.test.ts', test: 'when a migration fails half way' }],
  },
  {
    name: 'upgrade-forgets-deadlines',
    promise: 'P14',
    bug: 'stages that the first release stored never time out after the upgrade',
    plants: [
      {
        file: 'migrations/0002-execution.sql',
        text: 'UPDATE stages SET due_at = created_at + policy_stage_timeout_ms WHERE policy_stage_timeout_ms > 0 AND state < 40;',
        by: '',
      },
    ],
    caughtBy: [
      { file: 'src/storage/sqlite/migrator.test.ts', test: 'takes the attempts and stages' },
      { file: 'tests/upgrade/upgrade.test.ts', test: 'goes on where it was' },
    ],
  },
];
