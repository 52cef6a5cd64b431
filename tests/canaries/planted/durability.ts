import type { Canary } from '../canary.ts';

const GROUP_COMMIT = 'src/storage/sqlite/group-commit.ts';
const GROUP_COMMIT_TEST = 'src/storage/sqlite/group-commit.test.ts';
const DATABASE_FILE = 'src/storage/sqlite/database-file.ts';
const CONFORMANCE = { file: 'tests/conformance/sqlite.test.ts', titledIn: 'tests/conformance/unit-cases.ts' };

const ANSWERS_AFTER_FSYNC = { file: 'tests/fault/syscalls-order.test.ts', test: 'each answer leaves after the fsync' };

/** What is answered is stored, as a whole, once. */
export const durability: readonly Canary[] = [
  {
    name: 'answer-before-commit',
    promise: 'P1',
    bug: 'units of work are answered once they ran; the commit and its fsync follow a moment later',
    plants: [
      {
        file: GROUP_COMMIT,
        text: 'if (this.#init.transaction.isOpen) this.#init.transaction.commit();',
        by: `for (const ran of batch) ran.answer();
      await nextLoopTurn();
      await nextLoopTurn();
      if (this.#init.transaction.isOpen) this.#init.transaction.commit();`,
      },
    ],
    caughtBy: [{ file: GROUP_COMMIT_TEST, test: 'acknowledges no unit and runs no effect' }, ANSWERS_AFTER_FSYNC],
  },
  {
    name: 'commit-without-fsync',
    promise: 'P1',
    bug: 'synchronous=NORMAL: a commit is in the WAL, but nobody waits until it is on disk',
    plants: [
      {
        file: 'src/storage/sqlite/connection.ts',
        text: "setPragma(database, 'synchronous', 2);",
        by: "setPragma(database, 'synchronous', 1);",
      },
    ],
    caughtBy: [
      { file: 'src/storage/sqlite/open.test.ts', test: 'write durably, check foreign keys' },
      ANSWERS_AFTER_FSYNC,
    ],
  },
  {
    name: 'doubt-is-not-fatal',
    promise: 'P1',
    bug: 'the server goes on after an I/O error at COMMIT, as if it knew what is on disk',
    plants: [
      {
        file: GROUP_COMMIT,
        text: 'if (this.#rollback() && !isOutcomeUnknown(error)) return;',
        by: 'if (this.#rollback() || !isOutcomeUnknown(error)) return;',
      },
    ],
    caughtBy: [{ file: GROUP_COMMIT_TEST, test: 'nothing is promised any more' }],
  },
  {
    name: 'wal-swept-at-start',
    promise: 'P1',
    bug: 'a start clears away the WAL that a killed server left, and with it what was committed last',
    plants: [
      { file: DATABASE_FILE, text: 'realpathSync, statSync }', by: 'realpathSync, rmSync, statSync }' },
      {
        file: DATABASE_FILE,
        text: 'export function createPrivate(path: string): void {\n',
        by: `export function createPrivate(path: string): void {
  for (const beside of ['-wal', '-shm']) rmSync(path + beside, { force: true });
`,
      },
    ],
    caughtBy: [{ file: 'tests/fault/crash.test.ts' }],
  },
  {
    name: 'half-a-write-stays',
    promise: 'P2',
    bug: 'a failed unit of work beside others is not rolled back to its savepoint',
    plants: [
      {
        file: 'src/storage/sqlite/transaction.ts',
        text: 'rollbackTo.run();\n      release.run();',
        by: 'void rollbackTo;\n      release.run();',
      },
    ],
    caughtBy: [{ ...CONFORMANCE, test: 'of three units alone and gives its error unchanged' }],
  },
  {
    name: 'request-id-outside',
    promise: 'P3',
    bug: 'request_id is remembered by a unit of work of its own, after the one with the effect',
    plants: [
      {
        file: 'src/service/nodes.ts',
        text: 'await remember(uow, repeatable, workPlanId, plan.version, clock.now());',
        by: `uow.afterCommit(() => {
            void this.#deps.storage.write((later) =>
              remember(later, repeatable, workPlanId, plan.version, clock.now()),
            );
          });`,
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/requests.test.ts', test: 'concurrent duplicates have one effect' }],
  },
  {
    name: 'digest-of-one-process',
    promise: 'P3',
    bug: 'a request that is repeated after a restart is taken for another one',
    plants: [
      {
        file: 'src/service/idempotency.ts',
        text: 'update(stringify(request))',
        by: 'update(stringify({ ...request, pid: process.pid }))',
      },
    ],
    caughtBy: [{ file: 'tests/fault/storage-faults-duplicates.test.ts', test: 'sent twice has one effect' }],
  },
  {
    name: 'effect-before-commit',
    promise: 'P10',
    bug: 'watchers and dispatchers hear of a change before a read can see it',
    plants: [
      {
        file: GROUP_COMMIT,
        text: 'if (this.#init.transaction.isOpen) this.#init.transaction.commit();',
        by: `for (const { effects } of batch) this.#runEffects(effects);
      if (this.#init.transaction.isOpen) this.#init.transaction.commit();`,
      },
      {
        file: GROUP_COMMIT,
        text: 'for (const { effects } of batch) this.#runEffects(effects);\n    for',
        by: 'for',
      },
    ],
    caughtBy: [{ file: GROUP_COMMIT_TEST, test: 'acknowledges no unit and runs no effect' }],
  },
  {
    name: 'failed-change-announced',
    promise: 'P10',
    bug: 'watchers are told of a change by the unit of work that makes it, also when that fails',
    plants: [
      {
        file: 'src/service/edit/editor.ts',
        text: `    uow.afterCommit(() => {
      for (const listener of this.#changeListeners) listener.planChanged(plan.id, events, sizes);
`,
        by: `    for (const listener of this.#changeListeners) listener.planChanged(plan.id, events, sizes);
    uow.afterCommit(() => {
`,
      },
    ],
    caughtBy: [{ file: 'tests/fault/storage-faults.test.ts' }],
  },
];
