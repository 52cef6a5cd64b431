import { CheckState, ConcludedReason, NodeType, StageState } from '../../../gen/turboci/v1/common_pb.js';
import type { Assignment, Stage } from '../../../gen/turboci/v1/stage_pb.js';
import { oneLine, type Paint } from '../output.ts';
import { isRemote, outcomeWords } from '../progress/board.ts';
import { planName } from '../queries.ts';
import { attemptStateText, backoffLeft } from './attempt-state.ts';
import { type Described, liveAttempt } from './described.ts';
import { type Field, fieldLines } from './field-lines.ts';
import { groupLines } from './group-lines.ts';
import { statusText } from './node-status.ts';
import { policyText } from './policy-text.ts';
import { modeText, runnerWaitText } from './runner-wait.ts';
import { timeText } from './times.ts';

/** What is to be said of a stage before its attempts. `now` in milliseconds since the epoch. */
export function stageLines(described: Described, now: number, paint: Paint): readonly string[] {
  const { plan, stage, children } = described;
  const fields: readonly Field[] = [
    ['state', stateText(described, now)],
    ['runner', runnerText(stage)],
    ['policy', policyText(stage.executionPolicy)],
    ['created', timeText(stage.createdAt)],
    ['changed', timeText(stage.updatedAt)],
    ['cancelled', timeText(stage.cancelledAt)],
    ['added by', stage.parentStageId === '' ? '' : `stage ${oneLine(stage.parentStageId)}`],
    ['needs', groupLines(stage.dependencies, described, paint)],
    ['answers', stage.assignments.map((assignment) => assignmentLine(assignment, described))],
    ['continues', groupLines(stage.continuationGroup, described, paint)],
    ['children', children.map(({ id }) => `stage ${oneLine(id)}: ${statusText(described, NodeType.STAGE, id)}`)],
  ];
  const heading = `${paint('bold', `stage ${oneLine(stage.id)}`)} of ${oneLine(planName(plan))} (plan ${plan.id})`;
  return [heading, ...fieldLines(fields, '  ', paint)];
}

function stateText({ stage, runners }: Described, now: number): string {
  const { state, outcome, concludedReason } = stage;
  switch (state) {
    case StageState.FINAL:
      return `FINAL, ${outcomeWords[outcome]}: ${reasonTexts[concludedReason]} (${ConcludedReason[concludedReason]})`;
    case StageState.AWAITING_GROUP:
      return `AWAITING_GROUP: its own work is done, waits for ${stage.continuationGroup ? 'its group' : 'its children'}`;
    case StageState.ATTEMPTING:
      return `ATTEMPTING: ${attemptingText(stage, runners, now)}`;
    case StageState.PLANNED:
      return 'PLANNED: waits for what it needs';
    case StageState.UNKNOWN:
      return '';
  }
}

function attemptingText(stage: Stage, runners: Described['runners'], now: number): string {
  const attempt = liveAttempt(stage);
  if (attempt === undefined) return '';
  const waits = runners !== undefined && backoffLeft(attempt, now) === 0;
  return `attempt ${attempt.idx} ${waits ? runnerWaitText(stage, runners) : attemptStateText(attempt, now)}`;
}

const reasonTexts: Readonly<Record<ConcludedReason, string>> = {
  [ConcludedReason.UNKNOWN]: 'for no reason that is known',
  [ConcludedReason.ATTEMPT_COMPLETE]: 'an attempt was complete',
  [ConcludedReason.NO_RETRIES_LEFT]: 'the last attempt that its policy allows failed',
  [ConcludedReason.ATTEMPT_BLOCKED_RETRY]: 'an attempt failed and ruled out another one',
  [ConcludedReason.STAGE_TIMEOUT]: 'its stage timeout passed',
  [ConcludedReason.CANCELLED]: 'it was cancelled, or its plan',
  [ConcludedReason.DEPENDENCIES_UNSATISFIED]: 'what it needs did not come about',
  [ConcludedReason.SKIPPED_BY_WRITER]: 'a writer skipped it',
};

function runnerText({ runnerType, executionMode }: Stage): string {
  if (runnerType === '') return 'whoever wrote the stage';
  const mode = isRemote({ runnerType }) ? `, mode ${modeText(executionMode)}` : ', in the server';
  return `${oneLine(runnerType)}${mode}`;
}

function assignmentLine({ targetCheckId, goalState }: Assignment, described: Described): string {
  const goal = goalState === CheckState.PLANNED ? ', moves it to PLANNED' : '';
  return `check ${oneLine(targetCheckId)}${goal}: ${statusText(described, NodeType.CHECK, targetCheckId)}`;
}
