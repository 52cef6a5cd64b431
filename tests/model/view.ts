import type { AttemptView } from '../../src/domain/attempt.ts';
import type { CheckView } from '../../src/domain/check.ts';
import type { GroupView } from '../../src/domain/dependency/group.ts';
import type { StageView } from '../../src/domain/stage.ts';
import type { WorkPlan } from '../../src/domain/work-plan.ts';
import { edgeVerdict } from './reference/dependencies.ts';
import {
  type Attempt,
  type Check,
  type Failure,
  type Group,
  isLive,
  type Plan,
  type Stage,
  stageOutcome,
} from './reference/state.ts';

/** What both sides show of a plan, in one form, so that they can be held against each other. */
export type View = { readonly [path: string]: unknown };

const ANY = '*';

export function viewOfReal(plan: WorkPlan, checks: readonly CheckView[], stages: readonly StageView[]): View {
  return flat({
    plan: { state: plan.state, outcome: plan.outcome, counts: plan.counts },
    check: Object.fromEntries(checks.map((check) => [check.id, realCheck(check)])),
    stage: Object.fromEntries(stages.map((stage) => [stage.id, realStage(stage)])),
  });
}

function realCheck({ state, kind, outcome, options, dependencies, results }: CheckView) {
  return {
    state,
    kind,
    outcome,
    options,
    dependencies: realGroup(dependencies, state !== 'PLANNING' && state !== 'FINAL'),
    results: results.map((result) => ({
      ownerType: result.ownerType,
      ownerId: result.ownerId,
      data: result.data,
      failure: failureText(result.failure),
      finalized: result.finalizedAt !== undefined,
    })),
  };
}

function realStage(stage: StageView) {
  const { state, outcome, concludedReason, parentStageId, args, assignments, executionMode, runnerType, policy } =
    stage;
  return {
    state,
    outcome,
    concludedReason,
    parentId: parentStageId,
    args,
    assignments,
    mode: executionMode,
    runnerType,
    policy,
    cancelled: stage.cancelledAt !== undefined,
    dependencies: realGroup(stage.dependencies, state === 'PLANNED'),
    continuation: stage.hasContinuationGroup
      ? realGroup(stage.continuationGroup, state === 'AWAITING_GROUP')
      : undefined,
    attempts: stage.attempts.map(realAttempt),
  };
}

function realAttempt(attempt: AttemptView) {
  const lives = attempt.state !== 'COMPLETE' && attempt.state !== 'INCOMPLETE';
  return {
    idx: attempt.idx,
    state: attempt.state,
    processUid: attempt.processUid,
    failure: failureText(attempt.failure),
    details: attempt.details,
    progress: attempt.progress.map(({ message, percent, details, idempotencyKey }) => ({
      message,
      percent,
      details,
      idempotencyKey,
    })),
    progressPercent: attempt.progressPercent,
    blockNewAttempts: attempt.blockNewAttempts,
    availableAt: attempt.availableAt,
    runnerId: attempt.runnerId,
    ...(lives ? { deadline: attempt.deadline, stopBy: attempt.cancelBy } : {}),
  };
}

function realGroup(group: GroupView | undefined, tracked: boolean): unknown {
  if (group === undefined || group.dependencies.length + group.groups.length === 0) return undefined;
  return {
    predicate: group.predicate,
    threshold: group.threshold,
    edges: group.dependencies.map(
      (edge) =>
        `${edge.targetType} ${edge.targetId} ${edge.condition}${tracked ? ` ${edge.resolution ?? 'OPEN'}` : ''}`,
    ),
    groups: group.groups.map((nested) => realGroup(nested, tracked)),
  };
}

function failureText(failure: { readonly message: string; readonly reason: string } | undefined): string | undefined {
  return failure === undefined ? undefined : `${failure.reason}: ${failure.message}`;
}

export function viewOfModel(plan: Plan): View {
  const outcomes = [...plan.checks.map(({ outcome }) => outcome), ...plan.stages.map(stageOutcome)];
  const count = (nodes: readonly { readonly state: string }[], states: readonly string[]) =>
    Object.fromEntries(states.map((state) => [state, nodes.filter((node) => node.state === state).length]));
  return flat({
    plan: {
      state: plan.state,
      outcome: plan.outcome,
      counts: {
        checks: count(plan.checks, ['PLANNING', 'PLANNED', 'WAITING', 'FINAL']),
        stages: count(plan.stages, ['PLANNED', 'ATTEMPTING', 'AWAITING_GROUP', 'FINAL']),
        failed: outcomes.filter((outcome) => outcome === 'FAILED').length,
        cancelled: outcomes.filter((outcome) => outcome === 'CANCELLED').length,
      },
    },
    check: Object.fromEntries(plan.checks.map((check) => [check.id, modelCheck(plan, check)])),
    stage: Object.fromEntries(plan.stages.map((stage) => [stage.id, modelStage(plan, stage)])),
  });
}

function modelCheck(plan: Plan, check: Check) {
  const { state, kind, outcome, options, dependencies, results } = check;
  return {
    state,
    kind,
    outcome,
    options,
    dependencies: modelGroup(plan, dependencies, state !== 'PLANNING' && state !== 'FINAL'),
    results: results.map((result) => ({ ...result, failure: modelFailure(result.failure) })),
  };
}

function modelStage(plan: Plan, stage: Stage) {
  const { state, concludedReason, parentId, args, assignments, mode, runnerType, policy, cancelled } = stage;
  return {
    state,
    outcome: stageOutcome(stage),
    concludedReason,
    parentId,
    args,
    assignments,
    mode,
    runnerType,
    policy,
    cancelled,
    dependencies: modelGroup(plan, stage.dependencies, state === 'PLANNED'),
    continuation:
      stage.continuation === undefined ? undefined : modelGroup(plan, stage.continuation, state === 'AWAITING_GROUP'),
    attempts: stage.attempts.map(modelAttempt),
  };
}

function modelAttempt(attempt: Attempt) {
  const { idx, state, processUid, details, progress, progressPercent, blockNewAttempts, availableAt } = attempt;
  return {
    idx,
    state,
    processUid,
    failure: modelFailure(attempt.failure),
    details,
    progress,
    progressPercent,
    blockNewAttempts,
    availableAt,
    runnerId: attempt.handedOut?.runnerId,
    ...(isLive(attempt) ? { deadline: attempt.deadline, stopBy: attempt.stopBy } : {}),
  };
}

function modelGroup(plan: Plan, group: Group, tracked: boolean): unknown {
  if (group.dependencies.length + group.groups.length === 0) return undefined;
  return {
    predicate: group.predicate,
    threshold: group.threshold,
    edges: group.dependencies.map(
      (edge) => `${edge.targetType} ${edge.targetId} ${edge.condition}${tracked ? ` ${edgeVerdict(plan, edge)}` : ''}`,
    ),
    groups: group.groups.map((nested) => modelGroup(plan, nested, tracked)),
  };
}

/** Where the server chooses the words, any will do. */
function modelFailure(failure: Failure | undefined): string | undefined {
  return failure === undefined ? undefined : `${failure.reason}: ${failure.message ?? ANY}`;
}

function flat(value: unknown, path = '', into: Record<string, unknown> = {}): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flat(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (value !== undefined) into[path] = value;
  return into;
}

/** Where the sides differ, in words; none = they show the same. */
export function differences(model: View, real: View): readonly string[] {
  const paths = new Set([...Object.keys(model), ...Object.keys(real)]);
  return [...paths]
    .filter((path) => !agrees(model[path], real[path]))
    .map((path) => `${path}: model ${String(model[path])}, service ${String(real[path])}`);
}

function agrees(model: unknown, real: unknown): boolean {
  if (model === real) return true;
  if (typeof model !== 'string' || typeof real !== 'string') return false;
  return model.endsWith(ANY) && real.startsWith(model.slice(0, -1));
}
