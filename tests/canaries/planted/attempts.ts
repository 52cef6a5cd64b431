import type { Canary } from '../canary.ts';

const ATTEMPT_MACHINE = 'tests/e2e/semantics/attempt-machine.test.ts';
const DISPATCH = 'tests/service/dispatch.test.ts';
const DEADLINES = 'tests/service/deadlines.test.ts';
const MODEL = 'tests/model/model.test.ts';

const LIVE_ATTEMPT = 'src/service/execution/live-attempt.ts';
const IS_HOLDER = 'return live?.attempt.current.executionId === key.executionId ? live : undefined;';

/** Who owns an attempt, how it ends, and when. */
export const attempts: readonly Canary[] = [
  {
    name: 'stale-uid-accepted',
    promise: 'P5',
    bug: 'a process_uid that does not hold the attempt may write to it',
    plants: [
      {
        file: 'src/service/write/attempt-write.ts',
        text: "if (uid !== '' && holder !== undefined && holder !== uid) throw notHolder(stage, holder, uid);",
        by: 'void notHolder;',
      },
    ],
    caughtBy: [{ file: ATTEMPT_MACHINE, test: 'a uid that is not the holder' }],
  },
  {
    name: 'late-answer-taken',
    promise: 'P5',
    bug: 'the answer to an attempt that has ended ends the next one',
    plants: [
      {
        file: 'src/service/execution/reports.ts',
        text: 'if (!isLive(found.state)) return assertRepeated(found, answerDigest);',
        by: '',
      },
      { file: LIVE_ATTEMPT, text: ' || stage.current.attemptCount !== key.idx)', by: ')' },
      { file: LIVE_ATTEMPT, text: IS_HOLDER, by: 'return live;' },
    ],
    caughtBy: [{ file: 'tests/execution/callbacks.test.ts', test: 'that comes after a timeout is refused' }],
  },
  {
    name: 'stale-execution-accepted',
    promise: 'P5',
    bug: 'an execution whose attempt was given to somebody else, under another id, still speaks for it',
    plants: [{ file: LIVE_ATTEMPT, text: IS_HOLDER, by: 'return live;' }],
    caughtBy: [{ file: 'tests/canaries/survivors.test.ts', test: 'that comes too late leaves it' }],
  },
  {
    name: 'final-check-moves',
    promise: 'P4',
    bug: 'an answer ends a check again that is FINAL already',
    plants: [
      {
        file: 'src/service/execution/answer.ts',
        text: "if (op.check.current.state === 'FINAL') noteSkipped(answering, op);\n    else open.push(op);",
        by: "if (op.check.current.state === 'FINAL') noteSkipped(answering, op);\n    open.push(op);",
      },
    ],
    caughtBy: [{ file: DISPATCH, test: 'that updates a FINAL check' }],
  },
  {
    name: 'cancel-beats-complete',
    promise: 'P6',
    bug: 'a COMPLETE that arrives within the grace of a cancellation is recorded as CANCELLED',
    plants: [
      {
        file: 'src/service/edit/stage-life.ts',
        text: "  if (end.state === 'COMPLETE') return 'ATTEMPT_COMPLETE';\n  const { cancelledAt, timedOut, policy } = stage.current;\n  if (cancelledAt !== undefined) return 'CANCELLED';",
        by: "  const { cancelledAt, timedOut, policy } = stage.current;\n  if (cancelledAt !== undefined) return 'CANCELLED';\n  if (end.state === 'COMPLETE') return 'ATTEMPT_COMPLETE';",
      },
    ],
    caughtBy: [
      { file: DISPATCH, test: 'counts a COMPLETE within the grace' },
      { file: 'tests/e2e/semantics/cancellation.test.ts', test: 'COMPLETE within the grace counts' },
    ],
  },
  {
    name: 'cancel-touches-final',
    promise: 'P4',
    bug: 'cancelling a stage that is FINAL marks it cancelled',
    plants: [
      {
        file: 'src/service/edit/cancel.ts',
        text: "if (state === 'FINAL' || cancelledAt !== undefined) continue;",
        by: 'if (cancelledAt !== undefined) continue;\n    void state;',
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/cancellation.test.ts', test: 'FINAL: no effect' }],
  },
  {
    name: 'timer-fires-twice',
    promise: 'P6',
    bug: 'a deadline acts once more on the attempt that it has just ended',
    plants: [
      {
        file: 'src/service/execution/timers.ts',
        text: 'return live !== undefined && meetDeadlines(edit, live, now, this.#startedAt, this.#deps.beats);',
        by: `if (live === undefined) return false;
          await meetDeadlines(edit, live, now, this.#startedAt, this.#deps.beats);
          return meetDeadlines(edit, live, now, this.#startedAt, this.#deps.beats);`,
      },
    ],
    caughtBy: [{ file: DEADLINES, test: 'which is told to stop' }],
  },
  {
    name: 'old-timer-ends-attempt',
    promise: 'P6',
    bug: 'a timer that fires for another reason, or too early, ends the attempt by its deadline',
    plants: [
      {
        file: 'src/service/execution/deadlines.ts',
        text: 'return at !== undefined && at <= now;',
        by: 'return at !== undefined && now > 0;',
      },
    ],
    caughtBy: [{ file: DEADLINES, test: 'is put off by each sign of life' }],
  },
  {
    name: 'silence-while-away',
    promise: 'P7',
    bug: 'heartbeats that nobody could receive while no server ran are held against the runner',
    plants: [
      {
        file: 'src/service/execution/deadlines.ts',
        text: 'Math.max(heartbeatBy, beats.dueBy(executionId) ?? 0, startedAt + heartbeatTimeoutMs)',
        by: 'Math.max(heartbeatBy, beats.dueBy(executionId) ?? 0)',
      },
    ],
    caughtBy: [{ file: DEADLINES, test: 'runs anew when the server comes back' }],
  },
  {
    name: 'one-attempt-too-many',
    promise: 'P7',
    bug: 'max_attempts allows one more',
    plants: [
      {
        file: 'src/service/edit/stage-life.ts',
        text: 'attempt.current.idx < stage.current.policy.maxAttempts',
        by: 'attempt.current.idx <= stage.current.policy.maxAttempts',
      },
    ],
    caughtBy: [{ file: 'tests/e2e/semantics/attempt-ends.test.ts', test: 'max_attempts' }],
  },
  {
    name: 'pending-claim-untimed',
    promise: 'P7',
    bug: 'an attempt that is claimed while it stays PENDING never times out',
    isReal: true,
    plants: [
      {
        file: 'src/service/write/attempt-write.ts',
        text: `    const deadline = attempt.current.deadline ?? edit.origin.at + stage.current.policy.attemptTimeoutMs;
    edit.changeAttempt(stage, attempt, { processUid: uid, deadline });
`,
        by: '    edit.changeAttempt(stage, attempt, { processUid: uid });\n',
      },
    ],
    caughtBy: [{ file: MODEL }],
  },
  {
    name: 'grace-runs-anew',
    promise: 'P7',
    bug: 'each further reason to stop gives the holder of an attempt the whole grace time once more',
    plants: [
      {
        file: 'src/service/edit/attempt-life.ts',
        text: 'Math.min(attempt.current.cancelBy ?? Number.POSITIVE_INFINITY, edit.origin.at + STOP_GRACE_MS)',
        by: 'edit.origin.at + STOP_GRACE_MS',
      },
    ],
    caughtBy: [{ file: MODEL }],
  },
];
