import { describe, expect, test } from 'vitest';
import type { AttemptChange, ChaosHistory, StoredAttempt } from '../history.ts';
import type { LogEntry } from '../log.ts';
import { contradictions, type Evidence } from './contradictions.ts';

const at = { plan: 'p', stage: 's', idx: 1 } as const;
const nobody = {
  executionId: undefined,
  runnerId: undefined,
  dispatch: undefined,
  deadline: undefined,
  failureReason: undefined,
};
const holder = { executionId: 'e', runnerId: 'r', dispatch: 'RUN_ASYNC', deadline: 5000 };

function change(fields: Partial<AttemptChange> & Pick<AttemptChange, 'at' | 'state' | 'oldState'>): AttemptChange {
  return { ...at, ...nobody, runnerType: 't', ...fields };
}

const life = {
  born: change({ at: 1000, state: 'PENDING', oldState: undefined }),
  reserved: change({ ...holder, at: 1010, state: 'PENDING', oldState: 'PENDING' }),
  accepted: change({ ...holder, at: 1020, state: 'SCHEDULED', oldState: 'PENDING' }),
  running: change({ ...holder, at: 1030, state: 'RUNNING', oldState: 'SCHEDULED' }),
  complete: change({ ...holder, at: 2000, state: 'COMPLETE', oldState: 'RUNNING', deadline: undefined }),
};
const whole = Object.values(life);

const attempt: StoredAttempt = {
  ...at,
  state: 30,
  executionId: 'e',
  token: 'e#1',
  said: ['e has begun'],
  results: new Map([['c', 'e#1']]),
};

const history: ChaosHistory = {
  changes: whole,
  attempts: [attempt],
  finals: new Map([['p', ['check:c', 'stage:s']]]),
  ends: new Map([['p', ['stage:s', 'check:c']]]),
  open: [],
};

function note(fields: Partial<LogEntry> & Pick<LogEntry, 'event'>): LogEntry {
  const made = { token: '', outcome: '', reason: '', isFailure: false, isWrong: false, checks: [] };
  return { ...at, ...made, time: 1025, runnerId: 'r', pid: 1, executionId: 'e', way: 'RUN_ASYNC', ...fields };
}

const start = note({ event: 'start' });
const word = note({ event: 'update', token: 'e has begun', outcome: 'OK' });
const answer = note({ event: 'answer', token: 'e#1', checks: ['c'] });
const reply = note({ ...answer, event: 'reply', outcome: 'OK' });
const entries = [start, word, note({ event: 'end' }), answer, reply];

const evidence: Evidence = {
  history,
  entries,
  plans: [{ planId: 'p', ends: ['stage:s', 'check:c'] }],
  deaths: [900],
  absences: [],
  limitOf: () => 1,
};

function found(changed: { readonly history?: Partial<ChaosHistory> } & Partial<Omit<Evidence, 'history'>>): string {
  return contradictions({ ...evidence, ...changed, history: { ...history, ...changed.history } }).join('\n');
}

/** The attempt with other changes after its birth, and with whatever its end says. */
function lived(...changes: readonly AttemptChange[]) {
  return { history: { changes: [life.born, ...changes] } };
}

/** The same, of which nobody but the database says anything. */
function livedSilently(...changes: readonly AttemptChange[]) {
  return { history: { changes: [life.born, ...changes], attempts: [] }, entries: [] };
}

const incomplete = (failureReason: string, fields: Partial<AttemptChange> = {}) =>
  change({
    ...holder,
    at: 2000,
    state: 'INCOMPLETE',
    oldState: 'PENDING',
    deadline: undefined,
    ...fields,
    failureReason,
  });
const takenBack = change({ at: 1040, state: 'PENDING', oldState: 'PENDING' });
const reservedAgain = change({ ...life.reserved, at: 1050, executionId: 'f' });
const bySync = { ...life.reserved, dispatch: 'RUN' };
const declined = note({ event: 'decline', outcome: 'NOT_ACCEPTED' });

test('a run without a fault is accepted', () => {
  expect(contradictions(evidence)).toEqual([]);
});

describe('accepted is', () => {
  test.for<[string, Parameters<typeof found>[0]]>([
    [
      'an attempt that goes back to the queue and to somebody else',
      livedSilently(life.reserved, takenBack, reservedAgain, {
        ...life.complete,
        executionId: 'f',
        oldState: 'PENDING',
      }),
    ],
    [
      'one that is taken back and ended, since its stage was told to stop',
      livedSilently(life.reserved, incomplete('CANCELLED', nobody)),
    ],
    [
      'a blocking call that the death of its server cut',
      { ...livedSilently(bySync, incomplete('SERVER_RESTART', { dispatch: 'RUN' })), deaths: [1500] },
    ],
    [
      'a runner that declined and was taken at its word',
      { ...livedSilently(life.reserved, takenBack, incomplete('CANCELLED', nobody)), entries: [declined] },
    ],
    [
      'one that declined an attempt which had been given up already',
      {
        ...livedSilently(life.reserved, incomplete('HEARTBEAT_LOST', { at: 2000 })),
        entries: [{ ...declined, time: 2000 }],
      },
    ],
    [
      'one whose server died before it heard that',
      { ...livedSilently(life.reserved, incomplete('TIMEOUT')), entries: [declined], deaths: [1500] },
    ],
    [
      'one that was killed before it could say so',
      {
        ...livedSilently(life.reserved, incomplete('RUNNER_ERROR', { at: 1100 })),
        entries: [declined],
        absences: [{ pid: declined.pid, from: 1110, to: Number.POSITIVE_INFINITY }],
      },
    ],
    [
      'a finding that came too late',
      {
        history: {
          attempts: [
            { ...attempt, said: [...attempt.said, 'CHECK_ALREADY_FINAL: "c" was skipped'], results: new Map() },
          ],
        },
      },
    ],
  ])('%s', ([, changed]) => {
    expect(found(changed)).toBe('');
  });
});

describe('noticed is', () => {
  test.for<[string, Parameters<typeof found>[0], RegExp]>([
    ['a plan that is not over', { history: { open: ['p is in state 10'] } }, /not over: p/],
    ['an execution that began twice', { entries: [...entries, start] }, /began more than once: execution e/],
    [
      'an attempt of which two executions began',
      { entries: [...entries, { ...start, executionId: 'f' }] },
      /began more than once: attempt p\/s:1/,
    ],
    [
      'work that nobody handed out',
      { entries: [...entries, note({ event: 'start', executionId: 'f', idx: 2 })] },
      /without being handed out/,
    ],
    ['work that was handed to somebody else', { entries: [{ ...start, runnerId: 'q' }] }, /without being handed out/],
    ['a runner with too much', { limitOf: () => 0 }, /r\/t had 1 attempts at a time/],
    ['an acknowledged lie', { entries: [note({ event: 'reply', outcome: 'OK', isWrong: true })] }, /a wrong reply/],
    [
      'an answer that is unheard of',
      { entries: [...entries, note({ event: 'reply', outcome: 'NOT_FOUND' })] },
      /a wrong reply/,
    ],
    ['a foreign id that is accepted', { entries: [note({ event: 'stray', outcome: 'OK' })] }, /a wrong reply/],
    [
      'progress that is refused while the attempt lives',
      { entries: [note({ event: 'update', outcome: 'INTERNAL' })] },
      /a wrong reply/,
    ],
    ['a fault of a runner', { entries: [note({ event: 'fault', reason: 'TypeError' })] }, /a wrong reply.*TypeError/],
    [
      'another answer stored than acknowledged',
      { history: { attempts: [{ ...attempt, token: 'e#2' }] } },
      /answer e#1: the attempt has e#2/,
    ],
    [
      'another end stored than acknowledged',
      { history: { attempts: [{ ...attempt, state: 40 }] } },
      /answer e#1: the attempt has e#1 in state 40/,
    ],
    ['an acknowledged answer of no attempt', { history: { attempts: [] } }, /no attempt has its execution/],
    [
      'a finding that is lost',
      { history: { attempts: [{ ...attempt, results: new Map() }] } },
      /the result on c is undefined/,
    ],
    [
      'two different answers acknowledged',
      { entries: [...entries, { ...reply, token: 'e#2' }] },
      /different answers were acknowledged: e with e#1 and e#2/,
    ],
    [
      'equal answers of which one is refused',
      { entries: [...entries, { ...reply, outcome: 'FAILED_PRECONDITION' }] },
      /not taken alike: e#1 with OK and FAILED_PRECONDITION/,
    ],
    ['details that nobody sent', { entries: [start] }, /details that nobody sent for it: e#1/],
    [
      'progress that is lost',
      { history: { attempts: [{ ...attempt, said: [] }] } },
      /acknowledged progress is lost: e has begun/,
    ],
    [
      'an attempt that goes on after its end',
      lived(...whole.slice(1), { ...life.complete, oldState: 'COMPLETE' }),
      /it changed after its end/,
    ],
    ['an attempt that ends twice', lived(...whole.slice(1), life.complete), /it ended 2 times/],
    ['an attempt that does not end', lived(life.reserved), /it ended 0 times/],
    [
      'a holder that is replaced',
      lived(life.reserved, reservedAgain, { ...life.complete, executionId: 'f' }),
      /e was replaced by f/,
    ],
    [
      'a holder that is lost with the end',
      lived(life.reserved, { ...life.complete, executionId: undefined }),
      /it lost its holder and became COMPLETE/,
    ],
    [
      'a blocking call that outlives its server',
      { ...lived(bySync, incomplete('TIMEOUT', { dispatch: 'RUN' })), deaths: [1500] },
      /by RUN ended so around a restart/,
    ],
    [
      'an accepted attempt that a restart ends',
      { ...lived(life.reserved, incomplete('SERVER_RESTART')), deaths: [1500] },
      /by RUN_ASYNC ended so around a restart/,
    ],
    [
      'a runner that is given up right after a restart',
      { ...lived(life.reserved, incomplete('HEARTBEAT_LOST')), deaths: [1500] },
      /given up right after a restart/,
    ],
    [
      'a declined attempt that stays',
      { ...lived(life.reserved, incomplete('TIMEOUT')), entries: [declined] },
      /not taken back/,
    ],
    ...[
      { pid: declined.pid, from: 900, to: declined.time - 1 },
      { pid: declined.pid, from: 2026, to: Number.POSITIVE_INFINITY },
      { pid: declined.pid + 1, from: 1026, to: 1500 },
    ].map((absence): [string, Parameters<typeof found>[0], RegExp] => [
      `the same, whose runner said so: ${JSON.stringify(absence)}`,
      { ...lived(life.reserved, incomplete('RUNNER_ERROR')), entries: [declined], absences: [absence] },
      /not taken back/,
    ]),
    [
      'a declined attempt that stays, of a server that died long after',
      { ...lived(life.reserved, incomplete('TIMEOUT', { at: 5000 })), entries: [declined], deaths: [4000] },
      /not taken back/,
    ],
    [
      'a deadline that nobody acts on',
      lived(life.reserved, incomplete('TIMEOUT', { at: 15_001 })),
      /ended 10001 ms after its deadline/,
    ],
    [
      'a node that ended twice',
      { history: { ends: new Map([['p', ['stage:s', 'check:c', 'check:c']]]) } },
      /events of plan p: check:c ended more than once/,
    ],
    [
      'a node without the event of its end',
      { history: { ends: new Map([['p', ['stage:s']]]) } },
      /events of plan p: the end of check:c is missing/,
    ],
    [
      'an end that an author was not told of',
      { plans: [{ planId: 'p', ends: ['stage:s'] }] },
      /watch of plan p: the end of check:c is missing/,
    ],
    [
      'an end that is none',
      { plans: [{ planId: 'p', ends: ['stage:s', 'check:c', 'check:d'] }] },
      /check:d has not ended/,
    ],
  ])('%s', ([, changed, expected]) => {
    expect(found(changed)).toMatch(expected);
  });
});
