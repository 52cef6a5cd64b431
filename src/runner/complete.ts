import { status } from '@grpc/grpc-js';
import { TurboCIOrchestrator } from '../../gen/turboci/v1/service_pb.js';
import type { RunResponse } from '../../gen/turboci/v1/stagerunner_pb.js';
import { runResponse } from './answer.ts';
import { CallError, isDefinite, type OrchestratorClient } from './client.ts';
import type { Deliver, Delivery } from './executions.ts';
import { retried } from './retried.ts';
import type { RunnerSystem } from './system.ts';
import { beatInterval } from './updates.ts';

/** How often an answer is sent to a server that is there and has no room for it. */
const TRIES_WHEN_EXHAUSTED = 8;

/** The server ends an attempt at its deadline, but it may have been away then. */
const MARGIN_MS = 60_000;
/** How long an answer is brought that has no deadline. */
const PATIENCE_MS = 600_000;

export type CompletingOptions = {
  readonly client: OrchestratorClient;
  readonly system: RunnerSystem;
  /** The attempt's deadline, by this machine's clock. */
  readonly deadlineMs: number | undefined;
};

/** Delivers answers by CompleteStageExecution. */
export function completing({ client, system, deadlineMs }: CompletingOptions): Deliver {
  return async (execution, { response }, signal) => {
    const { lost } = execution;
    if (lost !== undefined) return { kind: 'DISCARDED', error: lost };
    const giveUpAt = deadlineMs === undefined ? system.now() + PATIENCE_MS : deadlineMs + MARGIN_MS;
    const { executionId, heartbeatTimeoutMs } = execution.task;
    const longestWaitMs = beatInterval(heartbeatTimeoutMs);
    return complete(client, executionId, response, { system, giveUpAt, longestWaitMs, signal });
  };
}

type CompleteOptions = {
  readonly system: RunnerSystem;
  readonly giveUpAt: number;
  /** Between tries: a server that comes back should have the answer before it misses a beat. */
  readonly longestWaitMs: number | undefined;
  readonly signal: AbortSignal;
};

/**
 * Reports how an execution ended: again and again while the server is away, since an equal report has no second effect.
 * If the server finds the answer invalid or too large, a failure that says so takes its place, so that the attempt does
 * not hang until its timeout. Never rejects.
 */
async function complete(
  client: OrchestratorClient,
  executionId: string,
  response: RunResponse,
  options: CompleteOptions,
): Promise<Delivery> {
  try {
    await send(client, executionId, response, options);
    return { kind: 'TAKEN' };
  } catch (error) {
    if (!isRefusedAsSuch(error)) return { kind: 'DISCARDED', error };
    const failure = { message: `the answer was refused: ${error.message}`, reason: 'RUNNER_ERROR' };
    try {
      await send(client, executionId, runResponse({ failure }), options);
      return { kind: 'REPLACED', failure, error };
    } catch {
      return { kind: 'DISCARDED', error };
    }
  }
}

async function send(
  client: OrchestratorClient,
  executionId: string,
  { stageState, checkUpdates, failure, details }: RunResponse,
  { system, giveUpAt, longestWaitMs, signal }: CompleteOptions,
): Promise<void> {
  const request = {
    executionId,
    stageState,
    checkUpdates,
    ...(failure === undefined ? {} : { failure }),
    ...(details === undefined ? {} : { details }),
  };
  await retried(() => client.call(TurboCIOrchestrator.method.completeStageExecution, request, { signal }), {
    system,
    signal,
    longestWaitMs,
    mayRetry: (error, failures) => {
      if (isDefinite(error) || system.now() >= giveUpAt) return false;
      return codeOf(error) !== status.RESOURCE_EXHAUSTED || failures < TRIES_WHEN_EXHAUSTED;
    },
  });
}

/** Whether it is the answer that is wrong: another one might be taken. */
function isRefusedAsSuch(error: unknown): error is CallError {
  const code = codeOf(error);
  return code === status.INVALID_ARGUMENT || code === status.OUT_OF_RANGE || code === status.RESOURCE_EXHAUSTED;
}

function codeOf(error: unknown): status | undefined {
  return error instanceof CallError ? error.code : undefined;
}
