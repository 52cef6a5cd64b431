import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Check, CheckResult } from '../../../gen/turboci/v1/check_pb.js';
import { Outcome, WorkPlanState } from '../../../gen/turboci/v1/common_pb.js';
import type { Stage } from '../../../gen/turboci/v1/stage_pb.js';
import type { WorkPlan } from '../../../gen/turboci/v1/workplan_pb.js';
import { oneLine, type Paint } from '../output.ts';
import { outcomeWords, SERVER_OWNER } from './board.ts';
import { formatDuration } from './duration.ts';
import { countWords } from './table.ts';

/** A plan that has ended, with all of its nodes. */
export type EndedPlan = {
  readonly plan: WorkPlan;
  readonly stages: readonly Stage[];
  readonly checks: readonly Check[];
};

/** Something that failed, and where to look. */
export type FailureReport = {
  readonly type: 'stage' | 'check';
  readonly id: string;
  readonly message: string;
  readonly attempts: number;
  /** Path of the log on the server's machine; empty = none. */
  readonly log: string;
  /** The last lines of the output. */
  readonly tail: readonly string[];
};

const TAIL_LINES = 15;

/** What failed by itself: stages, and checks with a failed answer of their own; not what fell with them. */
export function failuresOf({ stages, checks }: EndedPlan): readonly FailureReport[] {
  const failedStages = stages
    .filter(({ outcome }) => outcome === Outcome.FAILED)
    .map((stage): FailureReport => {
      const last = stage.attempts.at(-1);
      const message = last?.failure?.message ?? 'failed before its first attempt';
      return { type: 'stage', id: stage.id, message, attempts: stage.attempts.length, ...outputOf(last?.details) };
    });
  const failedChecks = checks
    .filter(({ outcome }) => outcome === Outcome.FAILED)
    .flatMap(({ id, results }) =>
      results
        .filter(({ failure, ownerType }) => failure !== undefined && ownerType !== SERVER_OWNER)
        .map((result) => checkReport(id, result)),
    );
  return [...failedStages, ...failedChecks];
}

function checkReport(id: string, { failure, data }: CheckResult): FailureReport {
  return { type: 'check', id, message: failure?.message ?? '', attempts: 0, ...outputOf(data) };
}

/** What an executor has kept of the output: the path of the log, and the last lines, safe for a terminal. */
export function outputOf(details: JsonObject | undefined): Pick<FailureReport, 'log' | 'tail'> {
  const text = details?.tail;
  const lines = typeof text === 'string' ? text.trimEnd().split('\n').map(oneLine) : [];
  const log = details?.log;
  return { log: typeof log === 'string' ? log : '', tail: lines.filter((line) => line !== '').slice(-TAIL_LINES) };
}

/** How long the plan took, in milliseconds: from its creation to its last change. */
export function planDuration({ plan }: EndedPlan): number {
  if (plan.createdAt === undefined || plan.updatedAt === undefined) return 0;
  return timestampMs(plan.updatedAt) - timestampMs(plan.createdAt);
}

/** A plan, as a rule at its end, as lines: what failed and where its logs are, then the whole in one line. */
export function summaryLines(
  ended: EndedPlan,
  name: string,
  logDir: string | undefined,
  paint: Paint,
): readonly string[] {
  const { plan, stages } = ended;
  const { outcome } = plan;
  const style = outcome === Outcome.SUCCEEDED ? 'green' : outcome === Outcome.FAILED ? 'red' : 'yellow';
  const isActive = plan.state === WorkPlanState.ACTIVE;
  const verdict = isActive
    ? 'is active'
    : `${paint(style, outcomeWords[outcome])} in ${formatDuration(planDuration(ended))}`;
  const counts = countWords(stages.map((stage) => outcomeWords[stage.outcome]));
  return [
    ...failuresOf(ended).flatMap((failure) => failureLines(failure, paint)),
    `${paint('bold', oneLine(name))} ${verdict}: stages: ${counts}`,
    paint('dim', `plan ${plan.id}${logDir === undefined ? '' : `, logs in ${logDir}/${plan.id}`}`),
  ];
}

function failureLines({ type, id, message, attempts, log, tail }: FailureReport, paint: Paint): readonly string[] {
  const times = attempts > 1 ? ` (attempt ${attempts})` : '';
  return [
    `${paint('red', '✖')} ${paint('bold', `${type} ${oneLine(id)}`)}: ${oneLine(message)}${times}`,
    ...tail.map((line) => `    ${paint('dim', '│')} ${line}`),
    ...(log === '' ? [] : [`    ${paint('dim', `log: ${oneLine(log)}`)}`]),
    '',
  ];
}
