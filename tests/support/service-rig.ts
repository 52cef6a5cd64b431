import { onTestFinished } from 'vitest';
import type { CheckView } from '../../src/domain/check.ts';
import { defaultLimits, type Limits } from '../../src/domain/limits.ts';
import type { Clock } from '../../src/domain/ports.ts';
import type { StageView } from '../../src/domain/stage.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemIds } from '../../src/platform/ids.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createOrchestrator, type RunningOrchestrator } from '../../src/service/create-orchestrator.ts';
import type { RunnerCalls } from '../../src/service/execution/runner-calls.ts';
import type { Executor } from '../../src/service/executor/executor.ts';
import type { WatchWorkPlanRequest, WriteNodesRequest } from '../../src/service/requests.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { FakeRunnerCalls } from './fake-runner-calls.ts';

export type RigOptions = {
  readonly clock?: Clock;
  readonly executors?: readonly Executor[];
  readonly concurrency?: number;
  readonly limits?: Partial<Limits>;
  /** A database file; by default everything is in memory. */
  readonly path?: string;
  /** Puts something between the service and its storage. */
  readonly wrap?: (storage: Storage) => Storage;
  readonly runners?: RunnerCalls;
  /** Do not start background work. */
  readonly idle?: boolean;
};

/** The service on a real storage, without transport. Everything ends with the test. */
export type ServiceRig = {
  readonly service: RunningOrchestrator;
  readonly storage: Storage;
  readonly clock: Clock;
  createPlan(): Promise<string>;
  write(planId: string, nodes: Partial<Pick<WriteNodesRequest, 'checks' | 'stages'>>): Promise<number>;
  check(planId: string, id: string): Promise<CheckView>;
  stage(planId: string, id: string): Promise<StageView>;
  watchRequest(planId: string, change?: Partial<WatchWorkPlanRequest>): WatchWorkPlanRequest;
};

export const anyCall = { signal: new AbortController().signal };

export async function serviceRig(options: RigOptions = {}): Promise<ServiceRig> {
  const clock = options.clock ?? systemClock();
  const log = createLogger({ level: 'silent' });
  const limits = { ...defaultLimits, ...options.limits };
  const onFatal = (error: unknown) => {
    throw error;
  };
  const path = options.path ?? ':memory:';
  const opened = await openSqliteStorage({ path, clock, log, writeQueue: limits.writeQueue, onFatal });
  const storage = options.wrap?.(opened) ?? opened;
  const service = createOrchestrator({
    storage,
    clock,
    ids: systemIds,
    random: { next: () => 0.5 },
    limits,
    policyDefaults: {
      maxAttempts: 3,
      attemptTimeoutMs: 300_000,
      heartbeatTimeoutMs: 0,
      stageTimeoutMs: 0,
      backoffInitialMs: 1000,
      backoffMultiplier: 2,
      backoffMaxMs: 60_000,
    },
    executors: new Map((options.executors ?? []).map((executor) => [executor.runnerType, executor])),
    executorConcurrency: options.concurrency ?? 4,
    runnerCalls: options.runners ?? new FakeRunnerCalls(),
    log,
  });
  onTestFinished(async () => {
    await service.stop();
    await opened.close();
  });
  if (!options.idle) await service.start();
  return { service, storage, clock, ...conveniences(service) };
}

function conveniences({ orchestrator }: RunningOrchestrator) {
  const query = { checkStates: [], stageStates: [], pageSize: 0, pageToken: '', view: 'FULL' } as const;
  return {
    async createPlan() {
      return (await orchestrator.createWorkPlan(anyCall, { metadata: {}, requestId: '' })).id;
    },
    async write(workPlanId: string, nodes: Partial<Pick<WriteNodesRequest, 'checks' | 'stages'>>) {
      const { revision } = await orchestrator.writeNodes(anyCall, {
        workPlanId,
        checks: nodes.checks ?? [],
        stages: nodes.stages ?? [],
        requestId: '',
        reason: '',
        attempt: undefined,
        expectedPlanVersion: undefined,
        responseView: 'BASIC',
      });
      return revision;
    },
    async check(workPlanId: string, id: string) {
      const { checks } = await orchestrator.queryNodes(anyCall, {
        ...query,
        workPlanId,
        checkIds: [id],
        stageIds: [],
        includeChecks: true,
        includeStages: false,
      });
      return theOne(checks, id);
    },
    async stage(workPlanId: string, id: string) {
      const { stages } = await orchestrator.queryNodes(anyCall, {
        ...query,
        workPlanId,
        checkIds: [],
        stageIds: [id],
        includeChecks: false,
        includeStages: true,
      });
      return theOne(stages, id);
    },
    watchRequest(workPlanId: string, change: Partial<WatchWorkPlanRequest> = {}): WatchWorkPlanRequest {
      return {
        workPlanId,
        includeChecks: true,
        includeStages: true,
        checkStateFilter: [],
        stageStateFilter: [],
        checkIdFilter: [],
        stageIdFilter: [],
        sinceRevision: undefined,
        endOnCompletion: false,
        view: 'FULL',
        ...change,
      };
    },
  };
}

function theOne<Node>(nodes: readonly Node[], id: string): Node {
  const [node] = nodes;
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}
