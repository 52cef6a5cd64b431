import {
  AttemptState,
  CheckState,
  type DependencyGroup,
  Outcome,
  StageState,
} from '../../../gen/turboci/v1/common_pb.js';
import { oneLine, type Paint, type Style } from '../output.ts';
import { type Board, type CheckPicture, isFolded, needsRunner, outcomeWords, type StagePicture } from './board.ts';
import { formatDuration } from './duration.ts';
import { attemptWords, durationOf, reasonText, runnerWaitText } from './narrate.ts';

export type TableOptions = {
  readonly paint: Paint;
  /** Columns; longer lines are cut. */
  readonly width: number;
  /** Lines at most; what does not fit is counted in a last line. */
  readonly height: number;
  /** The time now, in milliseconds since the epoch. */
  readonly now: number;
  /** Counts up from frame to frame; moves the marks of what runs. */
  readonly frame: number;
};

type Row = {
  readonly mark: string;
  readonly style: Style;
  readonly name: string;
  readonly time: string;
  readonly note: string;
  /** Rows of low rank are left out first. */
  readonly rank: number;
  readonly word: string;
};

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** The picture of a plan as lines: one a stage, in the order of creation, those that a stage added below it. */
export function tableLines(board: Board, options: TableOptions): readonly string[] {
  const rows = [
    ...inTreeOrder(board.stages).map(({ stage, depth }) => stageRow(stage, depth, board, options)),
    ...[...board.checks.values()].filter((check) => !isFolded(check, board.stages)).map(checkRow),
  ];
  const { kept, left } = divide(rows, options.height);
  const nameWidth = Math.min(40, Math.max(0, ...kept.map(({ name }) => name.length)));
  const timeWidth = Math.max(0, ...kept.map(({ time }) => time.length));
  const lines = kept.map((row) => rowLine(row, nameWidth, timeWidth, options));
  return left.length === 0
    ? lines
    : [...lines, options.paint('dim', `  … and ${countWords(left.map(({ word }) => word))}`)];
}

/** `3 succeeded, 1 failed`: how often each word occurs, in the order of first occurrence. */
export function countWords(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}

function rowLine(
  { mark, style, name, time, note }: Row,
  nameWidth: number,
  timeWidth: number,
  options: TableOptions,
): string {
  const { paint, width } = options;
  const head = `  ${name.padEnd(nameWidth)}  ${time.padStart(timeWidth)}`;
  const room = Math.max(0, width - head.length - 2);
  const text = note === '' || room < 4 ? '' : `  ${paint('dim', cut(note, room))}`;
  return `${paint(style, mark)}${cut(head, Math.max(0, width - 1)).slice(1)}${text}`.trimEnd();
}

function stageRow(stage: StagePicture, depth: number, board: Board, { now, frame }: TableOptions): Row {
  const name = `${'  '.repeat(depth)}${oneLine(stage.id)}`;
  if (stage.state === StageState.FINAL) {
    const took = durationOf(stage.attempt);
    const tries = (stage.attempt?.idx ?? 0) > 1 ? `attempt ${stage.attempt?.idx} ` : '';
    return {
      ...endRow(stage.outcome),
      name,
      time: took === undefined ? '' : formatDuration(took),
      note: `${tries}${reasonText(stage).replace(/^: /u, '')}`.trim(),
    };
  }
  const { attempt } = stage;
  const spinner = SPINNER[frame % SPINNER.length] ?? '*';
  if (stage.state === StageState.AWAITING_GROUP) {
    return {
      mark: '◐',
      style: 'cyan',
      name,
      time: '',
      note: 'waits for the stages that it added',
      rank: 4,
      word: 'waiting',
    };
  }
  if (stage.state === StageState.ATTEMPTING && attempt !== undefined) {
    const isRunning = attempt.state === AttemptState.RUNNING;
    const time = attempt.startedAt === undefined || !isRunning ? '' : formatDuration(now - attempt.startedAt);
    const word = isRunning ? 'running' : 'queued';
    return { mark: isRunning ? spinner : '○', style: 'cyan', name, time, note: attemptNote(stage, now), rank: 5, word };
  }
  return {
    mark: '○',
    style: 'dim',
    name,
    time: '',
    note: waitsFor(stage.dependencies, board),
    rank: 2,
    word: 'waiting',
  };
}

function attemptNote(stage: StagePicture, now: number): string {
  const { attempt, maxAttempts } = stage;
  if (attempt === undefined) return '';
  const which = attempt.idx > 1 ? attemptWords(attempt, maxAttempts) : '';
  const where = attempt.runnerId === '' ? '' : `on ${oneLine(attempt.runnerId)}`;
  if (attempt.state !== AttemptState.RUNNING) {
    const waits = attempt.availableAt === undefined ? 0 : attempt.availableAt - now;
    const isAccepted = attempt.state === AttemptState.SCHEDULED;
    const queued = isAccepted ? `accepted by ${oneLine(attempt.runnerId)}` : 'queued';
    const held = needsRunner(stage, now) ? runnerWaitText(stage) : queued;
    return [which, waits > 0 ? `starts in ${formatDuration(waits)}` : held].filter(Boolean).join(', ');
  }
  const percent = attempt.percent > 0 ? `${attempt.percent}%` : '';
  return [which, where, percent, oneLine(attempt.message)].filter(Boolean).join('  ');
}

function checkRow(check: CheckPicture): Row {
  const name = `${oneLine(check.id)}?`;
  if (check.state !== CheckState.FINAL) {
    return { mark: '·', style: 'dim', name, time: '', note: 'a check, open', rank: 1, word: 'waiting' };
  }
  const why = check.outcome === Outcome.FAILED && check.failure !== '' ? `: ${oneLine(check.failure)}` : '';
  return { ...endRow(check.outcome), name, time: '', note: `check ${outcomeWords[check.outcome]}${why}` };
}

function endRow(outcome: Outcome): Pick<Row, 'mark' | 'style' | 'rank' | 'word'> {
  const word = outcomeWords[outcome];
  switch (outcome) {
    case Outcome.SUCCEEDED:
      return { mark: '✔', style: 'green', rank: 1, word };
    case Outcome.FAILED:
      return { mark: '✖', style: 'red', rank: 3, word };
    case Outcome.CANCELLED:
      return { mark: '⊘', style: 'yellow', rank: 3, word };
    case Outcome.SKIPPED:
      return { mark: '↷', style: 'dim', rank: 0, word };
    case Outcome.UNKNOWN:
      return { mark: '?', style: 'dim', rank: 0, word };
  }
}

/** The first few things that a stage waits for and that have not ended. */
function waitsFor(group: DependencyGroup | undefined, { stages, checks }: Board): string {
  const open = [...new Set(targetsOf(group))].filter((id) => {
    const stage = stages.get(id);
    return stage === undefined ? checks.get(id)?.state !== CheckState.FINAL : stage.state !== StageState.FINAL;
  });
  if (open.length === 0) return '';
  return `waits for ${open.slice(0, 4).map(oneLine).join(', ')}${open.length > 4 ? ` and ${open.length - 4} more` : ''}`;
}

function targetsOf(group: DependencyGroup | undefined): readonly string[] {
  if (group === undefined) return [];
  return [...group.dependencies.map(({ targetId }) => targetId), ...group.groups.flatMap(targetsOf)];
}

function inTreeOrder(stages: ReadonlyMap<string, StagePicture>): readonly { stage: StagePicture; depth: number }[] {
  const children = new Map<string, StagePicture[]>();
  for (const stage of stages.values()) {
    const parent = stages.has(stage.parent) ? stage.parent : '';
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [stage]);
    else siblings.push(stage);
  }
  const ordered: { stage: StagePicture; depth: number }[] = [];
  const open = (children.get('') ?? []).map((stage) => ({ stage, depth: 0 })).reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    ordered.push(next);
    const depth = next.depth + 1;
    for (const stage of (children.get(next.stage.id) ?? []).toReversed()) open.push({ stage, depth });
  }
  return ordered;
}

function divide(
  rows: readonly Row[],
  height: number,
): { readonly kept: readonly Row[]; readonly left: readonly Row[] } {
  if (rows.length <= height) return { kept: rows, left: [] };
  const byRank = rows.map((row, at) => ({ row, at })).sort((a, b) => b.row.rank - a.row.rank || a.at - b.at);
  const chosen = new Set(byRank.slice(0, Math.max(0, height - 1)).map(({ row }) => row));
  return { kept: rows.filter((row) => chosen.has(row)), left: rows.filter((row) => !chosen.has(row)) };
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
