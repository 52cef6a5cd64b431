import type { Canary } from '../canary.ts';

const DISPATCHER = 'src/service/execution/runner-dispatcher.ts';
const ACQUISITIONS = 'src/service/execution/acquisitions.ts';
const RUNNER_FAULTS = 'tests/service/runner-faults.test.ts';

/** Work reaches its executor, once, whatever becomes of either. */
export const execution: readonly Canary[] = [
  {
    name: 'room-wakes-nobody',
    promise: 'P7',
    bug: 'a runner that has room again is not given what waits for it',
    plants: [{ file: DISPATCHER, text: 'if (types.size > 0) this.roomAt([...types]);', by: '' }],
    caughtBy: [{ file: 'tests/service/push.test.ts', test: 'goes to the least loaded runner' }],
  },
  {
    name: 'backoff-wakes-nobody',
    promise: 'P7',
    bug: 'the end of a backoff is not remembered when the same write makes other work ready',
    isReal: true,
    plants: [
      {
        file: 'src/service/execution/queue-watch.ts',
        text: 'if (backoffEnd !== undefined) this.#arm(backoffEnd);',
        by: 'if (backoffEnd !== undefined && ready.size === 0) this.#arm(backoffEnd);',
      },
    ],
    caughtBy: [{ file: 'tests/service/dispatch.test.ts', test: 'remembers the end of a backoff' }],
  },
  {
    name: 'registration-wakes-nobody',
    promise: 'P7',
    bug: 'an attempt that waits for a runner does not start when one registers',
    plants: [
      {
        file: 'src/service/execution/runner-registry.ts',
        text: 'if (this.#isRunning) this.#onCapacity(runnerType);',
        by: '',
      },
    ],
    caughtBy: [{ file: 'tests/service/push.test.ts', test: 'waits for a runner' }],
  },
  {
    name: 'load-is-a-count',
    promise: 'P11',
    bug: 'what a runner gave back undelivered goes on counting as its load',
    isReal: true,
    plants: [
      {
        file: 'src/service/edit/plan-edit.ts',
        text: '(executionId !== had || !isLive(state))',
        by: '!isLive(state)',
      },
    ],
    caughtBy: [{ file: 'tests/service/push.test.ts', test: 'goes to another runner at no cost' }],
  },
  {
    name: 'cut-acquire-hides',
    promise: 'P6',
    bug: 'what a cut Acquire was given, and could not give back, is never answered again',
    isReal: true,
    plants: [
      {
        file: ACQUISITIONS,
        text: 'for (const { executionId } of tasks) desk.end(executionId);',
        by: 'if (!ctx.signal.aborted) for (const { executionId } of tasks) desk.end(executionId);',
      },
    ],
    caughtBy: [{ file: RUNNER_FAULTS, test: 'also when a cut call could not give it back' }],
  },
  {
    name: 'execution-of-another',
    promise: 'P5',
    bug: 'a runner is answered an execution that was given to another one meanwhile',
    isReal: true,
    plants: [{ file: ACQUISITIONS, text: 'if (live.attempt.current.runnerId !== runnerId) return undefined;', by: '' }],
    caughtBy: [{ file: RUNNER_FAULTS, test: 'is never the execution of another runner' }],
  },
  {
    name: 'begun-taken-back',
    promise: 'P6',
    bug: 'an acquired attempt goes back to the queue although its runner was heard of',
    isReal: true,
    plants: [
      {
        file: 'src/service/execution/take-back.ts',
        text: "if (dispatch === 'ACQUIRE' && confirmBy === undefined) return;",
        by: 'void confirmBy;',
      },
    ],
    caughtBy: [{ file: RUNNER_FAULTS, test: 'is not taken back once the runner was heard of' }],
  },
  {
    name: 'expired-is-registered',
    promise: 'P7',
    bug: 'a registration that has expired is taken for one until it is swept up',
    isReal: true,
    plants: [
      {
        file: 'src/service/execution/runner-registry.ts',
        text: 'const hasExpired = known !== undefined && !this.#holds(known);',
        by: 'const hasExpired = known !== undefined && false;',
      },
    ],
    caughtBy: [{ file: 'tests/service/pull.test.ts', test: 'has no registration to end once that has expired' }],
  },
  {
    name: 'unregistered-waits-on',
    promise: 'P7',
    bug: 'a runner that waits for work is not told that its registration has ended',
    isReal: true,
    plants: [
      {
        file: 'src/service/execution/runner-registry.ts',
        text: '    this.#onGone(runnerId, runnerType);\n',
        by: '    void runnerId;\n',
      },
    ],
    caughtBy: [{ file: 'tests/service/pull.test.ts', test: 'is told when its registration ends' }],
  },
  {
    name: 'declined-goes-first',
    promise: 'P7',
    bug: 'an attempt that no runner takes goes back to the head of its queue and keeps the others waiting',
    isReal: true,
    plants: [
      {
        file: 'src/service/edit/attempt-life.ts',
        text: "{ state: 'PENDING', availableAt: edit.origin.at, ...unowned }",
        by: "{ state: 'PENDING', ...unowned }",
      },
    ],
    caughtBy: [{ file: RUNNER_FAULTS, test: 'keeps no other waiting' }],
  },
  {
    name: 'restart-robs-writers',
    promise: 'P5',
    bug: 'a restart ends attempts that writers hold, as if they had been executions of the dead process',
    isReal: true,
    plants: [
      {
        file: 'src/storage/sqlite/held-attempts.ts',
        text: ".where('dispatch', 'in', [sql.lit(dispatchKindCodes.encode('BUILTIN')), sql.lit(dispatchKindCodes.encode('RUN'))])",
        by: ".where('state', '=', sql.lit(attemptStateCodes.encode('RUNNING')))",
      },
    ],
    caughtBy: [{ file: 'tests/service/dispatch.test.ts', test: 'leaves an attempt to the writer that holds it' }],
  },
  {
    name: 'executes-before-it-listens',
    promise: 'P6',
    bug: 'a server that cannot listen has executed something before it finds out',
    isReal: true,
    plants: [
      {
        file: 'src/server.ts',
        text: '    grpc.announce(false);\n    const port',
        by: '    grpc.announce(false);\n    await orchestrator.start();\n    const port',
      },
    ],
    caughtBy: [{ file: 'tests/fault/refused-start.test.ts', test: 'nothing was executed meanwhile' }],
  },
  {
    name: 'blocking-call-left-running',
    promise: 'P7',
    bug: 'after a crash an attempt that ran in a blocking call of the dead process stays RUNNING',
    plants: [
      {
        file: 'src/storage/sqlite/held-attempts.ts',
        text: "[sql.lit(dispatchKindCodes.encode('BUILTIN')), sql.lit(dispatchKindCodes.encode('RUN'))]",
        by: "[sql.lit(dispatchKindCodes.encode('BUILTIN'))]",
      },
    ],
    caughtBy: [{ file: 'tests/service/builtin-deadlines.test.ts', test: 'what it executed or waited for' }],
  },
  {
    name: 'second-batch-forgotten',
    promise: 'P7',
    bug: 'of more attempts than are treated at a time, a start looks after the first ones only',
    plants: [
      {
        file: 'src/service/execution/recovery.ts',
        text: 'at += BATCH',
        by: 'at += keys.length',
      },
    ],
    caughtBy: [{ file: 'tests/service/recovery.test.ts' }],
  },
  {
    name: 'judged-unheard',
    promise: 'P7',
    bug: 'a server that is held once more while it waits for signs of life judges without having read them',
    isReal: true,
    plants: [
      {
        file: 'src/service/execution/timers.ts',
        text: 'this.#wait(clock.now() + Math.min(lateness, LONGEST_PATIENCE_MS), waits - 1);',
        by: 'this.#wait(clock.now() + Math.min(lateness, LONGEST_PATIENCE_MS), 0);',
      },
    ],
    caughtBy: [{ file: 'tests/service/deadlines.test.ts', test: 'waits again when it comes late a second time' }],
  },
  {
    name: 'confirmation-unstored',
    promise: 'P6',
    bug: 'that a runner was heard of about what it acquired is not stored: the attempt stays in the same hands',
    plants: [
      {
        file: 'src/storage/sqlite/attempt-repository.ts',
        text: 'attempt.availableAt === before.availableAt &&\n    attempt.confirmBy === before.confirmBy',
        by: 'attempt.availableAt === before.availableAt',
      },
    ],
    caughtBy: [
      {
        file: 'tests/conformance/sqlite.test.ts',
        test: 'acquired and was not heard of about',
        titledIn: 'tests/conformance/held-cases.ts',
      },
      { file: RUNNER_FAULTS, test: 'is not taken back once the runner was heard of' },
    ],
  },
  {
    name: 'failed-unit-keeps-places',
    promise: 'P7',
    bug: 'the place that a unit of work took at an executor stays taken when the unit fails',
    plants: [
      {
        file: 'src/service/edit/editor.ts',
        text: '.catch((error: unknown) => {\n      handOut.undo();\n',
        by: '.catch((error: unknown) => {\n',
      },
    ],
    caughtBy: [{ file: 'tests/fault/storage-faults-execution.test.ts' }],
  },
  {
    name: 'repeat-is-refused',
    promise: 'P6',
    bug: 'an answer that repeats the one which ended the attempt is refused, and so is retried for ever',
    plants: [
      {
        file: 'src/service/execution/reports.ts',
        text: 'if (attempt.answerDigest !== answerDigest) throw executionEnded(attempt);',
        by: 'if (answerDigest !== undefined) throw executionEnded(attempt);',
      },
    ],
    caughtBy: [{ file: 'tests/execution/callbacks.test.ts', test: 'is acknowledged again when it is reported again' }],
  },
];
