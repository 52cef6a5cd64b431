import type { RunnerTask } from '../../src/service/execution/runner-calls.ts';
import type { AcquireExecutionsRequest, RegisterRunnerRequest, StageWrite } from '../../src/service/requests.ts';
import { FakeRunnerCalls, type MadeCall, runnerAnswer } from './fake-runner-calls.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { anyCall, type RigOptions, type ServiceRig, serviceRig } from './service-rig.ts';
import { waitFor } from './wait-for.ts';
import { stageWrite } from './writes.ts';

/** The service with runners that a test plays, on a clock that it moves. */
export type RunnerRig = ServiceRig & {
  readonly calls: FakeRunnerCalls;
  readonly time: ManualClock;
  register(runnerId: string, change?: Partial<RegisterRunnerRequest>): Promise<string>;
  acquire(runnerId: string, change?: Partial<AcquireExecutionsRequest>): Promise<readonly RunnerTask[]>;
  complete(executionId: string, change?: Parameters<typeof runnerAnswer>[0]): Promise<void>;
  update(executionId: string, message?: string): Promise<{ readonly cancelRequested: boolean }>;
  /** What the registry says of a runner's load. */
  load(runnerId: string): Promise<number | undefined>;
  /** Resolves when what the clock has set off so far has been written. */
  settle(): Promise<void>;
  /** The n-th call to a runner, from 1, once it is made. */
  call(n: number): Promise<MadeCall>;
};

export async function runnerRig(options: RigOptions & { readonly time?: ManualClock } = {}): Promise<RunnerRig> {
  const calls = new FakeRunnerCalls();
  const time = options.time ?? manualClock();
  const rig = await serviceRig({ clock: time, runners: calls, ...options });
  const { orchestrator } = rig.service;
  return {
    ...rig,
    calls,
    time,
    async register(runnerId, change = {}) {
      const request: RegisterRunnerRequest = {
        runnerId,
        runnerType: 'build',
        address: `${runnerId}:1`,
        supportedModes: ['SYNC', 'ASYNC'],
        maxConcurrent: 0,
        ttlMs: 300_000,
        metadata: {},
        ...change,
      };
      return (await orchestrator.registerRunner(anyCall, request)).registrationId;
    },
    acquire(runnerId, change = {}) {
      const request = { runnerId, runnerTypes: [], maxExecutions: 10, waitMs: 0, heldExecutionIds: [], ...change };
      return orchestrator.acquireExecutions(anyCall, request);
    },
    complete(executionId, change = {}) {
      return orchestrator.completeExecution(anyCall, { executionId, ...runnerAnswer(change) });
    },
    update(executionId, message = '') {
      return orchestrator.updateExecution(anyCall, { executionId, message, progressPercent: 0, details: undefined });
    },
    async load(runnerId) {
      const runners = await orchestrator.listRunners(anyCall, { runnerType: '' });
      return runners.find((runner) => runner.runnerId === runnerId)?.currentLoad;
    },
    async settle() {
      // A timer that fires reads first and writes then; a few writes behind one another are behind both.
      for (let round = 0; round < 5; round++) await rig.createPlan();
    },
    call: (n) => waitFor(`call ${n} to a runner`, () => calls.made[n - 1]),
  };
}

/** A stage for runners of the type `build`. */
export function remote(id: string, change: Partial<StageWrite> = {}): StageWrite {
  return stageWrite(id, { runnerType: 'build', ...change });
}

/** A policy of which only some fields are given. */
export function policy(change: Partial<NonNullable<StageWrite['executionPolicy']>>): StageWrite['executionPolicy'] {
  return {
    maxAttempts: undefined,
    attemptTimeoutMs: undefined,
    heartbeatTimeoutMs: undefined,
    stageTimeoutMs: undefined,
    backoffInitialMs: undefined,
    backoffMultiplier: undefined,
    backoffMaxMs: undefined,
    ...change,
  };
}
