import type { DependencyGroup } from '../../src/domain/dependency/group.ts';
import type { AttemptWrite, CheckWrite, StageWrite, WriteNodesRequest } from '../../src/service/requests.ts';
import { attemptWrite, checkWrite, stageWrite } from '../support/writes.ts';
import type { Ending, GraphNode, Tree } from './oracle.ts';

export type NodeWrites = Pick<WriteNodesRequest, 'checks' | 'stages'>;

const failure = { message: 'it was to fail', reason: 'TEST' };

/** Creates nodes of a graph: checks PLANNED, those `asleep` PLANNING. */
export function newNodes(nodes: readonly GraphNode[], asleep: ReadonlySet<string>): NodeWrites {
  const checks: CheckWrite[] = [];
  const stages: StageWrite[] = [];
  for (const { id, kind, dependsOn, continuesWith } of nodes) {
    const dependencies = groupOf(dependsOn);
    if (kind === 'CHECK') checks.push(checkWrite(id, { state: asleep.has(id) ? 'PLANNING' : 'PLANNED', dependencies }));
    else stages.push(stageWrite(id, { dependencies, continuationGroup: groupOf(continuesWith) }));
  }
  return { checks, stages };
}

export function wakes(ids: readonly string[]): NodeWrites {
  return { checks: ids.map((id) => checkWrite(id, { state: 'PLANNED' })), stages: [] };
}

/** Ends nodes, each in its way. */
export function ends(nodes: ReadonlyMap<string, GraphNode>, endings: ReadonlyMap<string, Ending>): NodeWrites {
  const checks: CheckWrite[] = [];
  const stages: StageWrite[] = [];
  for (const [id, ending] of endings) {
    const node = nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    if (node.kind === 'CHECK') checks.push(endOfCheck(id, ending));
    else stages.push(endOfStage(node, ending));
  }
  return { checks, stages };
}

export function groupOf(tree: Tree | undefined): DependencyGroup | undefined {
  return tree && written(tree);
}

function written({ predicate, threshold, arrows, trees }: Tree): DependencyGroup {
  return {
    predicate,
    threshold,
    dependencies: arrows.map(({ kind, target, condition }) => ({ targetType: kind, targetId: target, condition })),
    groups: trees.map(written),
  };
}

function endOfCheck(id: string, ending: Ending): CheckWrite {
  const result = { ownerType: 'test', ownerId: 'player', data: undefined, finalize: true, failure };
  return checkWrite(id, { state: 'FINAL', result: ending === 'FAILED' ? result : undefined });
}

/** A stage that waits for a continuation group is ended by its attempt, any other one as a whole. */
function endOfStage({ id, continuesWith }: GraphNode, ending: Ending): StageWrite {
  if (ending === 'CANCELLED') return stageWrite(id, { cancel: true });
  if (continuesWith === undefined || ending === 'SKIPPED') {
    return stageWrite(id, { state: 'FINAL', failure: ending === 'FAILED' ? failure : undefined });
  }
  const end: Partial<AttemptWrite> =
    ending === 'FAILED' ? { state: 'INCOMPLETE', failure, blockNewAttempts: true } : { state: 'COMPLETE' };
  return stageWrite(id, { currentAttempt: attemptWrite(end) });
}
