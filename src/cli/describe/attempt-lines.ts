import type { JsonObject } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { stringify } from 'yaml';
import type { Failure } from '../../../gen/turboci/v1/common_pb.js';
import type { Attempt, ProgressEntry, Stage } from '../../../gen/turboci/v1/stage_pb.js';
import { oneLine, type Paint, printable } from '../output.ts';
import { hasEnded } from '../progress/board.ts';
import { formatDuration } from '../progress/duration.ts';
import { outputOf } from '../progress/summary.ts';
import { attemptStateText, backoffLeft } from './attempt-state.ts';
import { type Field, fieldLines } from './field-lines.ts';
import { distanceText, spanText, timeText } from './times.ts';

export type AttemptOptions = {
  readonly paint: Paint;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Progress entries at most, the last ones. */
  readonly entries: number;
  /** Whether to show where the log is, and the last lines of the output. */
  readonly log: boolean;
};

/** Everything about an attempt of a stage. */
export function attemptLines(attempt: Attempt, { executionPolicy }: Stage, options: AttemptOptions): readonly string[] {
  const { paint, now } = options;
  const { idx, createdAt, startedAt, endedAt, failure, details } = attempt;
  const { log, tail } = outputOf(details);
  const fields: readonly Field[] = [
    ['failure', failureLines(failure)],
    ['runner', oneLine(attempt.runnerId)],
    attempt.executionId === '' ? ['held by', oneLine(attempt.processUid)] : ['execution', oneLine(attempt.executionId)],
    ['queued', timeText(createdAt)],
    ['available', backoffLeft(attempt, now) > 0 ? timeText(attempt.availableAt) : ''],
    ['started', `${timeText(startedAt)}${spanText(', after', createdAt, startedAt)}`],
    ['ended', `${timeText(endedAt)}${spanText(', after', startedAt, endedAt)}`],
    ['deadline', dueText(attempt.deadline, attempt, now)],
    ['heartbeat', hasEnded(attempt) ? '' : dueText(attempt.heartbeatBy, attempt, now)],
    ['percent', attempt.progressPercent === 0 ? '' : `${attempt.progressPercent}%`],
    ['progress', progressLines(attempt, options)],
    ['details', detailLines(details)],
    ['log', options.log ? oneLine(log) : ''],
    ['output', options.log ? tail.map((line) => `${paint('dim', '│')} ${line}`) : []],
  ];
  const heading = `attempt ${idx} of ${executionPolicy?.maxAttempts ?? idx}`;
  return [`${paint('bold', heading)}: ${attemptStateText(attempt, now)}`, ...fieldLines(fields, '  ', paint)];
}

function failureLines(failure: Failure | undefined): readonly string[] {
  if (failure === undefined) return [];
  const reason = failure.reason === '' ? '' : ` (${oneLine(failure.reason)})`;
  return `${failure.message.trimEnd()}${reason}`.split('\n').map(printable);
}

function dueText(time: Timestamp | undefined, attempt: Attempt, now: number): string {
  if (time === undefined) return '';
  return hasEnded(attempt) ? timeText(time) : `${timeText(time)}, ${distanceText(time, now)}`;
}

function progressLines({ progress, startedAt, createdAt }: Attempt, { entries, paint }: AttemptOptions) {
  const shown = progress.slice(-entries);
  const left = progress.length - shown.length;
  return [
    ...(left === 0 ? [] : [paint('dim', `… ${left} earlier; --all shows them`)]),
    ...shown.map((entry) => entryLine(entry, startedAt ?? createdAt)),
  ];
}

/** How long after the start it came, the percentage, words, particulars. */
function entryLine({ timestamp, percent, message, details }: ProgressEntry, startedAt: Timestamp | undefined): string {
  const ms = timestamp === undefined || startedAt === undefined ? 0 : timestampMs(timestamp) - timestampMs(startedAt);
  const more = details === undefined ? '' : JSON.stringify(details);
  return [formatDuration(ms).padStart(7), percent === undefined ? '' : `${percent}%`, oneLine(message), printable(more)]
    .filter(Boolean)
    .join('  ');
}

/** The details but for what is shown as log and output. */
function detailLines(details: JsonObject = {}): readonly string[] {
  const rest = Object.entries(details).filter(
    ([key, value]) => typeof value !== 'string' || (key !== 'log' && key !== 'tail'),
  );
  if (rest.length === 0) return [];
  return stringify(Object.fromEntries(rest), { lineWidth: 0 }).trimEnd().split('\n').map(printable);
}
