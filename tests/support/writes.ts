import type { DependencyGroup } from '../../src/domain/dependency/group.ts';
import type { NodeType } from '../../src/domain/node.ts';
import type { AttemptWrite, CheckWrite, StageWrite } from '../../src/service/requests.ts';

/** A check write that says nothing but what it is given. */
export function checkWrite(id: string, change: Partial<CheckWrite> = {}): CheckWrite {
  return {
    id,
    state: undefined,
    kind: '',
    options: undefined,
    dependencies: undefined,
    result: undefined,
    expectedVersion: undefined,
    ...change,
  };
}

/** A stage write that says nothing but what it is given. */
export function stageWrite(id: string, change: Partial<StageWrite> = {}): StageWrite {
  return {
    id,
    state: undefined,
    args: undefined,
    assignments: [],
    dependencies: undefined,
    currentAttempt: undefined,
    executionMode: undefined,
    runnerType: '',
    expectedVersion: undefined,
    executionPolicy: undefined,
    continuationGroup: undefined,
    cancel: false,
    failure: undefined,
    ...change,
  };
}

export function attemptWrite(change: Partial<AttemptWrite>): AttemptWrite {
  return {
    state: undefined,
    processUid: '',
    details: undefined,
    progress: undefined,
    failure: undefined,
    blockNewAttempts: false,
    attemptIdx: undefined,
    ...change,
  };
}

/** AND over targets, whatever their outcome. */
export function after(targetType: NodeType, ...ids: readonly string[]): DependencyGroup {
  const dependencies = ids.map((targetId) => ({ targetType, targetId, condition: 'FINAL' as const }));
  return { predicate: 'AND', threshold: 0, dependencies, groups: [] };
}
