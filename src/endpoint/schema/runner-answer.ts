import { z } from 'zod';
import { checkStates } from '../../domain/check.ts';
import type { Limits } from '../../domain/limits.ts';
import type { CheckUpdate, CompleteExecutionRequest, RunnerAnswer } from '../../service/requests.ts';
import { failureWrite } from './failure.ts';
import { type Checked, fault } from './fault.ts';
import { checkJsonSize, limitedFields, oneOf, unset } from './fields.ts';

/** What a runner answers a blocking call with. */
export function runnerAnswerSchema(limits: Limits): z.ZodType<RunnerAnswer> {
  return z.object(answerFields(limits)).check((checked) => checkAnswer(checked, limits));
}

/** CompleteStageExecution: the same answer, with the name of its execution. */
export function completeExecutionSchema(limits: Limits): z.ZodType<CompleteExecutionRequest> {
  const { id } = limitedFields(limits);
  return z.object({ executionId: id, ...answerFields(limits) }).check((checked) => checkAnswer(checked, limits));
}

function answerFields(limits: Limits) {
  const { json } = limitedFields(limits);
  return {
    stageState: unset(oneOf(['FINAL', 'AWAITING_GROUP'])),
    checkUpdates: z.array(checkUpdateSchema(limits)),
    failure: unset(failureWrite),
    details: unset(json),
  };
}

function checkUpdateSchema(limits: Limits): z.ZodType<CheckUpdate> {
  const { id, json } = limitedFields(limits);
  return z
    .object({
      checkId: id,
      state: unset(oneOf(checkStates)),
      resultData: unset(json),
      finalize: z.boolean(),
      failure: unset(failureWrite),
    })
    .check((checked) => checkJsonSize(checked, 'resultData', limits))
    .transform(({ resultData, ...update }) => ({ ...update, data: resultData }));
}

function checkAnswer(checked: Checked<RunnerAnswer>, limits: Limits): void {
  const { checkUpdates } = checked.value;
  checkJsonSize(checked, 'details', limits);
  if (checkUpdates.length > limits.nodesPerWrite) {
    const message = `an answer has at most ${limits.nodesPerWrite} updates`;
    fault(checked, message, ['checkUpdates'], 'REQUEST_LIMIT_EXCEEDED');
  }
  const seen = new Set<string>();
  checkUpdates.forEach(({ checkId }, at) => {
    const path = ['checkUpdates', at, 'checkId'];
    if (seen.has(checkId)) fault(checked, 'names a check that this answer updates already', path, 'DUPLICATE_NODE');
    seen.add(checkId);
  });
}
