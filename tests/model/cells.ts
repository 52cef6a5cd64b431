/** The cells of the tables of semantics.md, sections 2, 3, 4 and 8: a state, and what may come upon it. */

const checkStates = ['PLANNING', 'PLANNED', 'WAITING', 'FINAL'];
const stageStates = ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL'];
const attemptStates = ['PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'];
const liveStates = ['PENDING', 'SCHEDULED', 'RUNNING'];

const product = (what: string, from: readonly string[], events: readonly string[]): readonly string[] =>
  from.flatMap((state) => events.map((event) => `${what} ${state}: ${event}`));

const moves = (what: string, from: string, to: readonly string[]): readonly string[] =>
  to.map((state) => `${what} ${from} → ${state}`);

const ends = (state: string, how: readonly string[]): readonly string[] => how.map((one) => `${state} ${one}`);

const checks = [
  ...product('check', ['NEW', ...checkStates], [...checkStates, 'kind', 'options', 'dependencies', 'result']),
  ...moves('check', 'NEW', [
    'PLANNING',
    'PLANNED',
    'WAITING',
    ...ends('FINAL', ['SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED']),
  ]),
  ...moves('check', 'PLANNING', [
    'PLANNED',
    'WAITING',
    ...ends('FINAL', ['SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED']),
  ]),
  ...moves('check', 'PLANNED', ['WAITING', ...ends('FINAL', ['SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED'])]),
  ...moves('check', 'WAITING', ends('FINAL', ['SUCCEEDED', 'FAILED', 'CANCELLED'])),
];

const stages = [
  ...product(
    'stage',
    ['NEW', ...stageStates],
    [...stageStates, 'FINAL with a failure', 'continuation group', 'cancel', 'attempt'],
  ),
  ...product('stage', stageStates, ['same definition', 'another definition', 'cancel of the plan']),
  ...moves('stage', 'NEW', ['PLANNED', 'ATTEMPTING', ...ends('FINAL', ['CANCELLED', 'DEPENDENCIES_UNSATISFIED'])]),
  ...moves('stage', 'PLANNED', [
    'ATTEMPTING',
    ...ends('FINAL', ['CANCELLED', 'DEPENDENCIES_UNSATISFIED', 'SKIPPED_BY_WRITER', 'STAGE_TIMEOUT']),
  ]),
  ...moves('stage', 'ATTEMPTING', [
    ...ends('AWAITING_GROUP', ['ATTEMPT_COMPLETE', 'NO_RETRIES_LEFT', 'ATTEMPT_BLOCKED_RETRY']),
    ...ends('FINAL', ['ATTEMPT_COMPLETE', 'NO_RETRIES_LEFT', 'ATTEMPT_BLOCKED_RETRY', 'STAGE_TIMEOUT', 'CANCELLED']),
  ]),
  ...moves(
    'stage',
    'AWAITING_GROUP',
    ends('FINAL', ['ATTEMPT_COMPLETE', 'NO_RETRIES_LEFT', 'ATTEMPT_BLOCKED_RETRY', 'STAGE_TIMEOUT']),
  ),
];

const callEnds = ['ANSWERED', 'UNDELIVERED', 'TIMED_OUT', 'BROKEN'].map((kind) => `call ${kind}`);
const serverReasons = ['CANCELLED', 'TIMEOUT', 'RUNNER_ERROR'];

const attempts = [
  ...product(
    'attempt',
    ['NONE', ...attemptStates],
    [...attemptStates, 'RUNNING without a uid', 'uid', 'failure', 'details', 'progress', 'block', 'another index'],
  ),
  ...product('attempt', attemptStates, ['another uid', 'update', 'complete']),
  ...product('attempt', liveStates, ['cancel', 'jump', 'restart']),
  ...product('attempt', liveStates, callEnds),
  'attempt NEW → PENDING',
  ...moves('attempt', 'PENDING', [
    'SCHEDULED',
    'RUNNING',
    'COMPLETE',
    ...ends('INCOMPLETE', ['as told', 'like the one before', ...serverReasons, 'SERVER_RESTART']),
  ]),
  ...moves('attempt', 'SCHEDULED', [
    'PENDING',
    'RUNNING',
    'COMPLETE',
    ...ends('INCOMPLETE', ['as told', ...serverReasons, 'SERVER_RESTART', 'HEARTBEAT_LOST']),
  ]),
  ...moves('attempt', 'RUNNING', [
    'PENDING',
    'COMPLETE',
    ...ends('INCOMPLETE', ['as told', ...serverReasons, 'SERVER_RESTART', 'HEARTBEAT_LOST']),
  ]),
];

const plans = [
  ...product(
    'plan',
    ['ACTIVE', 'COMPLETE', 'CANCELLED'],
    ['new node', 'cancel', 'another version', 'repeated request', 'request_id reused'],
  ),
  ...moves('plan', 'ACTIVE', ['COMPLETE SUCCEEDED', 'COMPLETE FAILED', 'COMPLETE CANCELLED', 'CANCELLED CANCELLED']),
  'plan COMPLETE → ACTIVE',
];

export const allCells: readonly string[] = [...checks, ...stages, ...attempts, ...plans];

const known: ReadonlySet<string> = new Set(allCells);

/** What a node, or an attempt, may be in passing within a commit. */
const inPassing = new Map([
  ['stage NEW', 'stage ATTEMPTING'],
  ['stage PLANNED', 'stage ATTEMPTING'],
  ['attempt NEW', 'attempt PENDING'],
]);

/** Whether a move is in the tables, or is two moves in one commit that are. */
export function isListed(move: string): boolean {
  const [from = '', to = ''] = move.split(' → ');
  return known.has(move) || known.has(`${inPassing.get(from)} → ${to}`);
}

/** How often each cell was reached. */
export class Cells {
  readonly #reached = new Map<string, number>();

  reach(cell: string): void {
    this.#reached.set(cell, (this.#reached.get(cell) ?? 0) + 1);
  }

  /** The cells reached fewer than so many times, with how often. */
  below(times: number): readonly string[] {
    return allCells
      .filter((cell) => (this.#reached.get(cell) ?? 0) < times)
      .map((cell) => `${cell} (${this.#reached.get(cell) ?? 0})`);
  }
}
