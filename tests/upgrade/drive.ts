import type { Check } from '../../gen/turboci/v1/check_pb.js';
import { AttemptState, CheckState, StageState } from '../../gen/turboci/v1/common_pb.js';
import type { Stage } from '../../gen/turboci/v1/stage_pb.js';
import type { Calls } from '../fixtures/snapshot.ts';

/** A runner that takes whatever other runners left lying. */
export const HEIR = 'heir';

/**
 * Does for a plan what its people and runners would do next: the holders of attempts end them, runners report, open
 * attempts are taken up, checks are answered. Answers whether everything in it has ended.
 */
export async function goOn(api: Calls, workPlanId: string): Promise<boolean> {
  const { checks, stages } = await api.queryNodes({ workPlanId, includeChecks: true, includeStages: true });
  const isOpen = stages.filter(({ state }) => state !== StageState.FINAL);
  const { executions } = await api.acquireStageExecutions({ runnerId: HEIR, maxExecutions: 100 });
  for (const { executionId } of executions) await api.completeStageExecution({ executionId });
  for (const stage of isOpen) await workOn(api, workPlanId, stage);
  const unanswered = checks.filter(isAnswerable);
  if (unanswered.length > 0) {
    await api.writeNodes({ workPlanId, checks: unanswered.map(({ id }) => ({ id, state: CheckState.FINAL })) });
  }
  return isOpen.length === 0 && checks.every(({ state }) => state === CheckState.FINAL);
}

/** A check in PLANNED moves by its dependencies. */
function isAnswerable({ state }: Check): boolean {
  return state === CheckState.PLANNING || state === CheckState.WAITING;
}

/** Ends an attempt that is not the server's own to end. */
async function workOn(api: Calls, workPlanId: string, { id, state, runnerType, attempts }: Stage): Promise<void> {
  const attempt = attempts.at(-1);
  if (state !== StageState.ATTEMPTING || attempt === undefined || runnerType.startsWith('builtin/')) return;
  const { idx: attemptIdx, processUid, executionId } = attempt;
  if (executionId !== '') {
    await api.completeStageExecution({ executionId });
  } else if (runnerType === '') {
    const holder = processUid === '' ? HEIR : processUid;
    const currentAttempt = { attemptIdx, processUid: holder, state: AttemptState.COMPLETE };
    await api.writeNodes({ workPlanId, stages: [{ id, currentAttempt }] });
  }
}
