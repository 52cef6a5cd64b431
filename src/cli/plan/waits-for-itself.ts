import type { CheckWrite } from '../../../gen/turboci/v1/check_pb.js';
import { type DependencyGroup, NodeType } from '../../../gen/turboci/v1/common_pb.js';
import type { StageWrite } from '../../../gen/turboci/v1/stage_pb.js';

type Key = string;

/**
 * The first circle in which nodes wait for each other, as `stage a → check b → stage a`; undefined when there is none.
 * A node waits for its dependencies and for what it continues until, a check that one stage alone answers for that
 * stage too: nobody else would ever end it. Iterative depth-first search.
 */
export function waitsForItself(
  checks: readonly CheckWrite[],
  stages: readonly StageWrite[],
): { readonly first: { readonly type: NodeType; readonly id: string }; readonly text: string } | undefined {
  const next = edges(checks, stages);
  const done = new Set<Key>();
  for (const start of next.keys()) {
    const trail: { readonly key: Key; readonly rest: Key[] }[] = [];
    const onTrail = new Set<Key>();
    const enter = (key: Key): void => {
      trail.push({ key, rest: [...(next.get(key) ?? [])].reverse() });
      onTrail.add(key);
    };
    if (!done.has(start)) enter(start);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const target = top.rest.pop();
      if (target === undefined) {
        done.add(top.key);
        onTrail.delete(top.key);
        trail.pop();
      } else if (onTrail.has(target)) {
        const circle = trail.slice(trail.findIndex(({ key }) => key === target)).map(({ key }) => key);
        return { first: nodeOf(target), text: [...circle, target].map(textOf).join(' → ') };
      } else if (!done.has(target)) {
        enter(target);
      }
    }
  }
  return undefined;
}

function edges(checks: readonly CheckWrite[], stages: readonly StageWrite[]): Map<Key, readonly Key[]> {
  const answeredBy = new Map<string, string[]>();
  for (const { id, assignments } of stages) {
    for (const { targetCheckId } of assignments) {
      answeredBy.set(targetCheckId, [...(answeredBy.get(targetCheckId) ?? []), id]);
    }
  }
  const next = new Map<Key, readonly Key[]>();
  for (const { id, dependencies, continuationGroup } of stages) {
    next.set(keyOf(NodeType.STAGE, id), [...targets(dependencies), ...targets(continuationGroup)]);
  }
  for (const { id, dependencies } of checks) {
    const answering = answeredBy.get(id) ?? [];
    const sole = answering.length === 1 ? answering.map((stage) => keyOf(NodeType.STAGE, stage)) : [];
    next.set(keyOf(NodeType.CHECK, id), [...sole, ...targets(dependencies)]);
  }
  return next;
}

function targets(group: DependencyGroup | undefined): readonly Key[] {
  if (group === undefined) return [];
  const own = group.dependencies.map(({ targetType, targetId }) => keyOf(targetType, targetId));
  return [...own, ...group.groups.flatMap(targets)];
}

function keyOf(type: NodeType, id: string): Key {
  return `${type === NodeType.STAGE ? 's' : 'c'}${id}`;
}

function nodeOf(key: Key): { readonly type: NodeType; readonly id: string } {
  return { type: key.startsWith('s') ? NodeType.STAGE : NodeType.CHECK, id: key.slice(1) };
}

function textOf(key: Key): string {
  const { type, id } = nodeOf(key);
  return `${type === NodeType.STAGE ? 'stage' : 'check'} ${id}`;
}
