import { AppError } from '../../src/domain/error.ts';
import { emptyCounts } from '../../src/domain/plan-state.ts';
import type { WorkPlan } from '../../src/domain/work-plan.ts';
import type { Orchestrator } from '../../src/service/orchestrator.ts';

/** An orchestrator that does only what a test gives it; everything else is a bug of the test. */
export function fakeOrchestrator(given: Partial<Orchestrator>): Orchestrator {
  const missing = async (): Promise<never> => {
    throw new Error('the test did not expect this call');
  };
  return {
    createWorkPlan: missing,
    getWorkPlan: missing,
    listWorkPlans: missing,
    cancelWorkPlan: missing,
    writeNodes: missing,
    queryNodes: missing,
    watchWorkPlan: missing,
    runStage: missing,
    cancelStage: missing,
    registerRunner: missing,
    unregisterRunner: missing,
    listRunners: missing,
    updateExecution: missing,
    completeExecution: missing,
    acquireExecutions: missing,
    ...given,
  };
}

/** A plan without nodes. */
export function plan(id: string, over: Partial<WorkPlan> = {}): WorkPlan {
  return {
    id,
    state: 'ACTIVE',
    outcome: undefined,
    version: 1,
    metadata: {},
    counts: emptyCounts,
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    cancelledAt: undefined,
    cancelReason: '',
    ...over,
  };
}

/** Resolves never, but rejects with the reason of the call's end: a service method that waits. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason instanceof AppError ? signal.reason : new Error('no AppError'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail);
  });
}
