import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { AttemptState, CheckState, ConcludedReason, Outcome, StageState } from '../../../gen/turboci/v1/common_pb.js';
import { WorkPlanEventSchema } from '../../../gen/turboci/v1/service_pb.js';
import type { AttemptSchema, StageSchema } from '../../../gen/turboci/v1/stage_pb.js';
import { plainPaint } from '../output.ts';
import { Board } from './board.ts';
import { narrate } from './narrate.ts';
import { tableLines } from './table.ts';
import { remarkLine } from './view.ts';

type StageInit = MessageInitShape<typeof StageSchema> & { readonly id: string };
type AttemptInit = MessageInitShape<typeof AttemptSchema>;

const T0 = 1_700_000_000_000;
const at = (ms: number) => timestampFromMs(T0 + ms);

function stageEvent(ms: number, stage: StageInit, attempt?: AttemptInit) {
  const value = { stageId: stage.id, stage, ...(attempt === undefined ? {} : { attempt }) };
  return create(WorkPlanEventSchema, { timestamp: at(ms), event: { case: 'stageEvent', value } });
}

function checkEvent(ms: number, id: string, state: CheckState, outcome = Outcome.UNKNOWN) {
  const value = { checkId: id, check: { id, state, outcome } };
  return create(WorkPlanEventSchema, { timestamp: at(ms), event: { case: 'checkEvent', value } });
}

const needsUnit = { dependencies: { dependencies: [{ targetId: 'unit' }] } };
const twice = { executionPolicy: { maxAttempts: 2 } };

/** A plan half way: a retry that runs, a child, a failure, a skip, a check of its own. */
const events = [
  stageEvent(0, { id: 'unit', state: StageState.PLANNED, ...twice }),
  stageEvent(0, { id: 'deploy', state: StageState.PLANNED, ...needsUnit }),
  stageEvent(0, { id: 'lint', state: StageState.PLANNED, executionPolicy: { maxAttempts: 1 } }),
  stageEvent(0, { id: 'docs', state: StageState.PLANNED }),
  checkEvent(0, 'unit', CheckState.PLANNED),
  checkEvent(0, 'gate', CheckState.PLANNED),
  stageEvent(
    10,
    { id: 'unit', state: StageState.ATTEMPTING },
    { idx: 1, state: AttemptState.RUNNING, startedAt: at(10) },
  ),
  stageEvent(
    20,
    { id: 'lint', state: StageState.ATTEMPTING },
    { idx: 1, state: AttemptState.RUNNING, startedAt: at(20) },
  ),
  stageEvent(30, { id: 'child', state: StageState.PLANNED, parentStageId: 'unit' }),
  stageEvent(
    520,
    {
      id: 'unit',
      state: StageState.ATTEMPTING,
      attempts: [{ idx: 2, state: AttemptState.PENDING, availableAt: at(900) }],
    },
    { idx: 1, state: AttemptState.INCOMPLETE, endedAt: at(520), failure: { message: 'exit\u001b[31m status 1' } },
  ),
  stageEvent(600, {
    id: 'lint',
    state: StageState.FINAL,
    outcome: Outcome.FAILED,
    concludedReason: ConcludedReason.NO_RETRIES_LEFT,
    attempts: [{ idx: 1, state: AttemptState.INCOMPLETE, endedAt: at(600), failure: { message: 'exit status 2' } }],
  }),
  stageEvent(600, {
    id: 'docs',
    state: StageState.FINAL,
    outcome: Outcome.SKIPPED,
    concludedReason: ConcludedReason.DEPENDENCIES_UNSATISFIED,
  }),
  stageEvent(
    950,
    { id: 'unit', state: StageState.ATTEMPTING },
    {
      idx: 2,
      state: AttemptState.RUNNING,
      startedAt: at(950),
      progressPercent: 40,
      progress: [{ message: 'test\n3 of 9' }],
    },
  ),
  checkEvent(960, 'gate', CheckState.FINAL, Outcome.SUCCEEDED),
];

function boardOf(count = events.length): Board {
  const board = new Board();
  for (const event of events.slice(0, count)) board.apply(event);
  return board;
}

test('lines: one for each thing that happened, without control characters', () => {
  const board = new Board();
  const lines = events
    .map((event) => board.apply(event))
    .flatMap((change) => (change === undefined ? [] : narrate(change, board)))
    .map((remark) => remarkLine(remark, T0));
  expect(lines).toEqual([
    '   10ms  unit              attempt 1 of 2 started',
    '   20ms  lint              started',
    '  520ms  unit              attempt 1 of 2 failed: exit status 1',
    '  600ms  lint              failed after 580ms: exit status 2',
    '  600ms  docs              skipped: what it needs did not come about',
    '  950ms  unit              attempt 2 of 2 started',
    '  960ms  gate              check succeeded',
  ]);
});

const options = { paint: plainPaint, width: 70, height: 24, now: T0 + 2_950, frame: 0 };

test('table: a row a stage, children below their parent, folded checks left out', () => {
  expect(tableLines(boardOf(), options)).toEqual([
    '⠋ unit      2.0s  attempt 2 of 2  40%  test 3 of 9',
    '○   child',
    '○ deploy          waits for unit',
    '✖ lint     580ms  exit status 2',
    '↷ docs            what it needs did not come about',
    '✔ gate?           check succeeded',
  ]);
});

test('table: an attempt that waits for its backoff says so', () => {
  expect(tableLines(boardOf(10), { ...options, now: T0 + 600 })[0]).toBe(
    '○ unit            attempt 2 of 2, starts in 300ms',
  );
});

test('table: no line is wider than the terminal, and what does not fit is counted', () => {
  const lines = tableLines(boardOf(), { ...options, width: 24, height: 4 });
  expect(Math.max(...lines.slice(0, 3).map((line) => line.length))).toBe(24);
  expect(lines).toEqual([
    '⠋ unit      2.0s  attem…',
    '○   child',
    '✖ lint     580ms  exit …',
    '  … and 1 waiting, 1 skipped, 1 succeeded',
  ]);
});

/** A stage for a runner, from its queue to its end; another one that a runner accepts and never reports from. */
const remote = [
  stageEvent(0, { id: 'unit', state: StageState.PLANNED, runnerType: 'te\u202est', ...twice }),
  stageEvent(
    10,
    { id: 'unit', state: StageState.ATTEMPTING },
    { idx: 1, state: AttemptState.PENDING, availableAt: at(10) },
  ),
  stageEvent(
    20,
    { id: 'unit', state: StageState.ATTEMPTING },
    { idx: 1, state: AttemptState.PENDING, availableAt: at(10), runnerId: 'host-1' },
  ),
  stageEvent(
    30,
    { id: 'unit', state: StageState.ATTEMPTING },
    { idx: 1, state: AttemptState.SCHEDULED, runnerId: 'host-1' },
  ),
  stageEvent(
    40,
    { id: 'unit', state: StageState.ATTEMPTING },
    {
      idx: 1,
      state: AttemptState.RUNNING,
      startedAt: at(40),
      runnerId: 'host-1',
      progress: [{ message: 'compiling' }],
    },
  ),
  stageEvent(
    50,
    {
      id: 'unit',
      state: StageState.ATTEMPTING,
      attempts: [{ idx: 2, state: AttemptState.PENDING, availableAt: at(60) }],
    },
    { idx: 1, state: AttemptState.INCOMPLETE, endedAt: at(50), runnerId: 'host-1', failure: { message: 'no disk' } },
  ),
  stageEvent(
    70,
    { id: 'unit', state: StageState.ATTEMPTING },
    { idx: 2, state: AttemptState.RUNNING, startedAt: at(70), runnerId: 'host-2' },
  ),
];

test('lines: an attempt begins once, and says on which runner', () => {
  const board = new Board();
  const texts = remote
    .map((event) => board.apply(event))
    .flatMap((change) => (change === undefined ? [] : narrate(change, board)))
    .map(({ text }) => text);
  expect(texts).toEqual([
    'attempt 1 of 2 accepted by host-1',
    'attempt 1 of 2 failed: no disk',
    'attempt 2 of 2 started on host-2',
  ]);
});

test.each([
  [2, '○ unit    waits for a runner of type test'],
  [3, '○ unit    queued'],
  [4, '○ unit    accepted by host-1'],
  [5, '⠋ unit  10ms  on host-1  compiling'],
  [6, '○ unit    attempt 2 of 2, starts in 10ms'],
])('table: a stage for a runner after %i events', (count, line) => {
  const board = new Board();
  for (const event of remote.slice(0, count)) board.apply(event);
  expect(tableLines(board, { ...options, now: T0 + 50 })).toEqual([line]);
});

test('table: a retry whose backoff is over waits for a runner like a first attempt', () => {
  const board = new Board();
  for (const event of remote.slice(0, 6)) board.apply(event);
  expect(tableLines(board, { ...options, now: T0 + 60 })[0]).toMatch(
    /attempt 2 of 2, waits for a runner of type test$/u,
  );
});
