import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import { isDefinite, type OrchestratorClient } from './client.ts';
import { retried } from './retried.ts';
import type { RunnerSystem } from './system.ts';

export type AnnounceOptions = {
  readonly client: OrchestratorClient;
  readonly system: RunnerSystem;
  /** The longest wait between tries. */
  readonly longestWaitMs: number | undefined;
  /** Ends the tries; the last error is then thrown. */
  readonly signal: AbortSignal;
};

/**
 * Tells the server that an execution begins, again and again while the server is away. Answers whether it is to stop
 * right away. Rejects when the server refuses it: a runner that was frozen for a while holds work that others have by now.
 */
export async function announced(executionId: string, options: AnnounceOptions): Promise<boolean> {
  const { client, system, longestWaitMs, signal } = options;
  const { updateStageExecution } = TurboCIOrchestrator.method;
  const answer = await retried(() => client.call(updateStageExecution, { executionId }, { signal }), {
    system,
    signal,
    longestWaitMs,
    mayRetry: (error) => !isDefinite(error),
  });
  return answer.cancelRequested;
}
