import { CheckState, ExecutionMode } from '../../../gen/turboci/v1/common_pb.js';
import type { Served } from '../serve.ts';

/** A mutating call that was answered. The bytes of the mark are among those that it makes the server store. */
export type Step = { readonly call: string; readonly mark: string };

/** Makes calls of every mutating kind, one after the other on one connection; answers them in this order. */
export async function callOneByOne(api: Served['api'], round: number): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const step = async <T>(
    call: string,
    send: (mark: string) => Promise<T>,
    mark = `mark-${round}-${steps.length};`,
  ): Promise<T> => {
    const answer = await send(mark);
    steps.push({ call, mark });
    return answer;
  };
  const runnerId = `runner-${round};`;

  const { workPlan } = await step('CreateWorkPlan', (mark) => api.createWorkPlan({ metadata: { mark } }));
  const workPlanId = workPlan?.id ?? '';
  await step('WriteNodes, new', (mark) =>
    api.writeNodes({ workPlanId, checks: [{ id: 'check' }], stages: [{ id: 'held' }, { id: mark }] }),
  );
  await step('WriteNodes, moved on', (mark) =>
    api.writeNodes({ workPlanId, checks: [{ id: 'check', state: CheckState.PLANNED }], requestId: mark }),
  );
  const { registrationId } = await step('RegisterStageRunner', () => register(api, runnerId), runnerId);
  await step('WriteNodes, for the runner', (mark) =>
    api.writeNodes({ workPlanId, stages: [{ id: mark, runnerType: runnerId, executionMode: ExecutionMode.ASYNC }] }),
  );
  const { executions } = await step(
    'AcquireStageExecutions',
    () => api.acquireStageExecutions({ runnerId, runnerTypes: [runnerId], maxExecutions: 1 }),
    runnerId,
  );
  const executionId = executions[0]?.executionId ?? '';
  await step('UpdateStageExecution', (message) => api.updateStageExecution({ executionId, message }));
  await step('CompleteStageExecution', (mark) => api.completeStageExecution({ executionId, details: { mark } }));
  await step('UnregisterStageRunner', () => api.unregisterStageRunner({ registrationId }), '');
  await step('CancelStage', (reason) => api.cancelStage({ workPlanId, stageId: 'held', reason }));
  await step('CancelWorkPlan', (reason) => api.cancelWorkPlan({ id: workPlanId, reason }));
  return steps;
}

function register(api: Served['api'], runnerId: string) {
  return api.registerStageRunner({
    runnerId,
    runnerType: runnerId,
    address: '',
    supportedModes: [ExecutionMode.ASYNC],
    maxConcurrent: 0,
    ttlSeconds: 600n,
  });
}
