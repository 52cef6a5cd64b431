import type { Attempt, ProgressEntry } from '../../src/domain/attempt.ts';
import type { Check, CheckResult } from '../../src/domain/check.ts';
import { type FlatDependencies, flatten } from '../../src/domain/dependency/flatten.ts';
import type { DependencyGroup } from '../../src/domain/dependency/group.ts';
import type { CheckEvent, PlanEvent, StageEvent } from '../../src/domain/event.ts';
import { emptyCounts } from '../../src/domain/plan-state.ts';
import type { RunnerRegistration } from '../../src/domain/runner.ts';
import type { ExecutionMode, Stage } from '../../src/domain/stage.ts';
import type { WorkPlan } from '../../src/domain/work-plan.ts';
import type { Storage, UnitOfWork } from '../../src/storage/storage.ts';

/** An arbitrary time; stored times count from it. */
export const T0 = 1_700_000_000_000;

export const PLAN = 'plan-1';

export function plan(change: Partial<WorkPlan> = {}): WorkPlan {
  return {
    id: PLAN,
    state: 'ACTIVE',
    outcome: undefined,
    version: 1,
    metadata: {},
    counts: emptyCounts,
    createdAt: T0,
    updatedAt: T0,
    cancelledAt: undefined,
    cancelReason: '',
    ...change,
  };
}

export function check(id: string, change: Partial<Check> = {}): Check {
  return {
    planId: PLAN,
    id,
    state: 'PLANNING',
    kind: '',
    outcome: undefined,
    version: 1,
    revision: 2,
    createdAt: T0,
    updatedAt: T0,
    goals: undefined,
    resultCount: 0,
    ...change,
  };
}

export function stage(id: string, change: Partial<Stage> = {}): Stage {
  return {
    planId: PLAN,
    id,
    state: 'PLANNED',
    executionMode: 'SYNC',
    runnerType: '',
    policy: {
      maxAttempts: 3,
      attemptTimeoutMs: 300_000,
      heartbeatTimeoutMs: 0,
      stageTimeoutMs: 0,
      backoffInitialMs: 1000,
      backoffMultiplier: 1.5,
      backoffMaxMs: 60_000,
    },
    outcome: undefined,
    concludedReason: undefined,
    parentStageId: '',
    cancelledAt: undefined,
    cancelReason: '',
    timedOut: false,
    attemptCount: 0,
    openChildren: 0,
    hasContinuationGroup: false,
    version: 1,
    revision: 2,
    createdAt: T0,
    updatedAt: T0,
    ...change,
  };
}

export function attempt(stageId: string, change: Partial<Attempt> = {}): Attempt {
  return {
    planId: PLAN,
    stageId,
    idx: 1,
    state: 'PENDING',
    processUid: undefined,
    failure: undefined,
    executionId: undefined,
    dispatch: undefined,
    runnerId: undefined,
    createdAt: T0,
    updatedAt: T0,
    startedAt: undefined,
    endedAt: undefined,
    availableAt: T0,
    deadline: undefined,
    heartbeatBy: undefined,
    cancelBy: undefined,
    confirmBy: undefined,
    answerDigest: undefined,
    progressPercent: 0,
    progressCount: 0,
    blockNewAttempts: false,
    ...change,
  };
}

export function runner(runnerId: string, change: Partial<RunnerRegistration> = {}): RunnerRegistration {
  return {
    registrationId: `registration of ${runnerId}`,
    runnerId,
    runnerType: 'docker',
    address: '127.0.0.1:50052',
    modes: ['SYNC'],
    maxConcurrent: 0,
    ttlMs: 300_000,
    metadata: {},
    registeredAt: T0,
    renewedAt: T0,
    expiresAt: T0 + 300_000,
    ...change,
  };
}

export function progress(message: string, change: Partial<ProgressEntry> = {}): ProgressEntry {
  return { message, timestamp: T0, details: undefined, percent: undefined, idempotencyKey: '', ...change };
}

export function result(ownerId: string, change: Partial<CheckResult> = {}): CheckResult {
  return {
    id: 0,
    ownerType: 'tool',
    ownerId,
    data: { lines: 3 },
    failure: undefined,
    createdAt: T0,
    finalizedAt: undefined,
    ...change,
  };
}

/** An AND over stages, or what `change` makes of it. */
export function group(stageIds: readonly string[], change: Partial<DependencyGroup> = {}): DependencyGroup {
  return {
    predicate: 'AND',
    threshold: 0,
    dependencies: stageIds.map((targetId) => ({ targetType: 'STAGE', targetId, condition: 'FINAL' })),
    groups: [],
    ...change,
  };
}

export function flat(root: DependencyGroup): FlatDependencies {
  const flattened = flatten(root);
  if ('fault' in flattened) throw new Error(`a fixture has a fault: ${flattened.fault.fault}`);
  return flattened.flat;
}

export function planEvent(revision: number, seq: number, change: Partial<PlanEvent> = {}): PlanEvent {
  return {
    type: 'PLAN',
    nodeId: '',
    revision,
    seq,
    at: T0 + revision,
    actor: 'writer',
    reason: '',
    oldState: undefined,
    newState: 'ACTIVE',
    change: {
      outcome: undefined,
      createdAt: T0,
      cancelledAt: undefined,
      cancelReason: '',
      metadata: { branch: 'main' },
      counts: emptyCounts,
    },
    ...change,
  };
}

export function checkEvent(revision: number, seq: number, nodeId: string): CheckEvent {
  return {
    type: 'CHECK',
    nodeId,
    revision,
    seq,
    at: T0 + revision,
    actor: 'stage:build:1',
    reason: 'done',
    oldState: 'WAITING',
    newState: 'FINAL',
    change: { kind: 'test', outcome: 'FAILED', version: 4, createdAt: T0, results: [result('a', { id: 7 })] },
  };
}

export function stageEvent(revision: number, seq: number, nodeId: string): StageEvent {
  return {
    type: 'STAGE',
    nodeId,
    revision,
    seq,
    at: T0 + revision,
    actor: 'server',
    reason: '',
    oldState: undefined,
    newState: 'ATTEMPTING',
    change: {
      outcome: undefined,
      concludedReason: undefined,
      version: 1,
      createdAt: T0,
      cancelledAt: undefined,
      executionMode: 'ASYNC',
      runnerType: 'docker',
      parentStageId: '',
      args: { command: ['make', 'all'], nested: { deep: [1, 2.5, null, true] } },
    },
  };
}

/** What is stored for one attempt: the attempt, its plan and its stage with this type and mode. */
export type StoredAttempt = Partial<Attempt> & {
  readonly stageId: string;
  readonly runnerType?: string;
  readonly mode?: ExecutionMode;
};

/** Stores one stage for each attempt, a `builtin/noop` one unless it says otherwise, in the plans that they name. */
export async function seedAttempts(storage: Storage, ...attempts: readonly StoredAttempt[]): Promise<void> {
  await storage.write(async (uow) => {
    for (const { runnerType = 'builtin/noop', mode = 'SYNC', ...change } of attempts) {
      const { stageId, planId = PLAN } = change;
      if ((await uow.workPlans.get(planId)) === undefined) await uow.workPlans.insert(plan({ id: planId }));
      await uow.stages.insert(stage(stageId, { planId, runnerType, executionMode: mode }), undefined, []);
      await uow.attempts.insert({ attempt: attempt(stageId, change), runnerType, mode });
    }
  });
}

/** Stores an attempt that has changed. */
export async function updateAttempt(uow: UnitOfWork, changed: Attempt): Promise<void> {
  await uow.attempts.update(changed, (await uow.attempts.get(changed)) ?? changed);
}

/** Stores a plan that has changed. */
export async function updatePlan(uow: UnitOfWork, changed: WorkPlan): Promise<void> {
  await uow.workPlans.update(changed, (await uow.workPlans.get(changed.id)) ?? changed);
}

/** Stores a plan with these checks and stages. */
export async function seed(
  storage: Storage,
  nodes: { readonly checks?: readonly Check[]; readonly stages?: readonly Stage[] } = {},
): Promise<void> {
  await storage.write(async (uow) => {
    await uow.workPlans.insert(plan());
    for (const one of nodes.checks ?? []) await uow.checks.insert(one, undefined);
    for (const one of nodes.stages ?? []) await uow.stages.insert(one, undefined, []);
  });
}
