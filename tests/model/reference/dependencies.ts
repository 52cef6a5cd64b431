import { canonical } from './json.ts';
import { refuse } from './refusal.ts';
import {
  checkOf,
  childrenOf,
  type Edge,
  type Group,
  type Outcome,
  type Plan,
  type Stage,
  stageOf,
  stageOutcome,
} from './state.ts';

/** Section 5. */

export type Verdict = 'OPEN' | 'SATISFIED' | 'UNSATISFIED';

export const noGroup: Group = { predicate: 'AND', threshold: 0, dependencies: [], groups: [] };

/** Equal edges are one edge within a group. */
export function merged(group: Group): Group {
  if (group.dependencies.length + group.groups.length === 0) return noGroup;
  const keys = group.dependencies.map(canonical);
  return {
    predicate: group.predicate,
    threshold: group.predicate === 'THRESHOLD' ? group.threshold : 0,
    dependencies: group.dependencies.filter((_, at) => keys.indexOf(keys[at] ?? '') === at),
    groups: group.groups.map(merged),
  };
}

/** Whether two groups say the same; the order of their members does not matter. */
export function sameGroups(a: Group, b: Group): boolean {
  return sorted(a) === sorted(b);
}

function sorted(group: Group): string {
  const { predicate, threshold, dependencies, groups } = merged(group);
  return canonical([predicate, threshold, [...dependencies.map(canonical), ...groups.map(sorted)].sort()]);
}

export function edgeVerdict(plan: Plan, edge: Edge): Verdict {
  const outcome = finalOutcome(plan, edge);
  if (outcome === undefined) return 'OPEN';
  return edge.condition === 'FINAL' || edge.condition === outcome ? 'SATISFIED' : 'UNSATISFIED';
}

function finalOutcome(plan: Plan, edge: Edge): Outcome | undefined {
  if (edge.targetType === 'CHECK') return checkOf(plan, edge.targetId)?.outcome;
  const stage = stageOf(plan, edge.targetId);
  return stage === undefined ? undefined : stageOutcome(stage);
}

export function groupVerdict(plan: Plan, group: Group): Verdict {
  const members = [
    ...group.dependencies.map((edge) => edgeVerdict(plan, edge)),
    ...group.groups.map((nested) => groupVerdict(plan, nested)),
  ];
  const need = { AND: members.length, OR: Math.min(1, members.length), THRESHOLD: group.threshold }[group.predicate];
  const satisfied = members.filter((member) => member === 'SATISFIED').length;
  const unsatisfied = members.filter((member) => member === 'UNSATISFIED').length;
  if (satisfied >= need) return 'SATISFIED';
  return members.length - unsatisfied < need ? 'UNSATISFIED' : 'OPEN';
}

/** Section 6: the group written explicitly, or AND(FINAL) over the children. */
export function continuationVerdict(plan: Plan, stage: Stage): Verdict {
  if (stage.continuation !== undefined) return groupVerdict(plan, stage.continuation);
  return childrenOf(plan, stage).every((child) => child.state === 'FINAL') ? 'SATISFIED' : 'OPEN';
}

export function edgesOf(group: Group | undefined): readonly Edge[] {
  if (group === undefined) return [];
  return [...group.dependencies, ...group.groups.flatMap(edgesOf)];
}

export function requireTargets(plan: Plan, group: Group | undefined): void {
  for (const { targetType, targetId } of edgesOf(group)) {
    const target = targetType === 'CHECK' ? checkOf(plan, targetId) : stageOf(plan, targetId);
    if (target === undefined) refuse('UNKNOWN_TARGET', `no ${targetType} ${targetId}`);
  }
}

type NodeKey = `${'CHECK' | 'STAGE'} ${string}`;

/** Where the search for cycles goes from a node: what it waits for. FINAL nodes wait for nothing. */
function waitsFor(plan: Plan, key: NodeKey): readonly NodeKey[] {
  const targets = (group: Group | undefined) =>
    edgesOf(group).map((edge): NodeKey => `${edge.targetType} ${edge.targetId}`);
  const [type, id] = [key.slice(0, 5), key.slice(6)];
  if (type === 'CHECK') {
    const check = checkOf(plan, id);
    return check === undefined || check.state === 'FINAL' ? [] : targets(check.dependencies);
  }
  const stage = stageOf(plan, id);
  if (stage === undefined || stage.state === 'FINAL') return [];
  const children = childrenOf(plan, stage).map((child): NodeKey => `STAGE ${child.id}`);
  return [...targets(stage.dependencies), ...targets(stage.continuation), ...children];
}

/** Whether the plan, as it would stand after a write, has a cycle that none of its nodes could leave. */
export function hasCycle(plan: Plan): boolean {
  const keys = [
    ...plan.checks.map((check): NodeKey => `CHECK ${check.id}`),
    ...plan.stages.map((stage): NodeKey => `STAGE ${stage.id}`),
  ];
  return keys.some((start) => reaches(plan, start, start));
}

function reaches(plan: Plan, from: NodeKey, goal: NodeKey): boolean {
  const seen = new Set<NodeKey>();
  const open = [...waitsFor(plan, from)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === goal) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...waitsFor(plan, next));
  }
  return false;
}
