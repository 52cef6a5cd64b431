import { DependencyCondition, NodeType, PredicateType } from '../../../../gen/turboci/v1/common_pb.js';
import type { Edge, Group } from './groups.ts';

export type Verdict = 'OPEN' | 'SATISFIED' | 'UNSATISFIABLE';

/**
 * What section 5 says a group is, given how its targets ended (`check/a`, `stage/s`; absent = not FINAL): with n members,
 * need k, s satisfied and u unsatisfied it is satisfied when s ≥ k and unsatisfiable when n − u < k.
 */
export function resolve(group: Group, outcomes: ReadonlyMap<string, 'SUCCEEDED' | 'FAILED'>): Verdict {
  const edges = new Map((group.dependencies ?? []).map((edge) => [JSON.stringify(normal(edge)), normal(edge)]));
  const members = [
    ...[...edges.values()].map(({ target, condition }) => ofEdge(condition, outcomes.get(target))),
    ...(group.groups ?? []).map((nested) => resolve(nested, outcomes)),
  ];
  const needed = neededOf(group, members.length);
  if (members.length === 0 || count(members, 'SATISFIED') >= needed) return 'SATISFIED';
  return members.length - count(members, 'UNSATISFIABLE') < needed ? 'UNSATISFIABLE' : 'OPEN';
}

function normal({ targetType, targetId = '', condition }: Edge) {
  return {
    target: `${targetType === NodeType.STAGE ? 'stage' : 'check'}/${targetId}`,
    condition: condition ?? DependencyCondition.FINAL,
  };
}

function ofEdge(condition: DependencyCondition, outcome: 'SUCCEEDED' | 'FAILED' | undefined): Verdict {
  if (outcome === undefined) return 'OPEN';
  if (condition === DependencyCondition.FINAL) return 'SATISFIED';
  return DependencyCondition[condition] === outcome ? 'SATISFIED' : 'UNSATISFIABLE';
}

function neededOf({ predicate, threshold }: Group, members: number): number {
  if (predicate === PredicateType.THRESHOLD) return threshold ?? 0;
  return predicate === PredicateType.OR ? 1 : members;
}

function count(members: readonly Verdict[], wanted: Verdict): number {
  return members.filter((member) => member === wanted).length;
}
