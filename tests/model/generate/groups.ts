import type { Dice } from '../../fault/dice.ts';
import { merged } from '../reference/dependencies.ts';
import type { Edge, Group } from '../reference/state.ts';
import { maybe, weighted } from './pick.ts';

export const checkIds = ['c0', 'c1', 'c2', 'c3', 'c4'] as const;
export const stageIds = ['s0', 's1', 's2', 's3', 's4', 's5'] as const;

/** Nodes that an edge may lead to without much risk. */
export type Known = { readonly checks: readonly string[]; readonly stages: readonly string[] };

/** A group that the endpoint would let pass. Most edges lead to nodes that exist and come earlier than their source. */
export function groupFor(dice: Dice, source: string, known: Known, depth = 0): Group {
  const predicate = weighted(dice, [
    [5, 'AND'],
    [3, 'OR'],
    [2, 'THRESHOLD'],
  ] as const);
  const isEmpty = depth === 0 && predicate !== 'THRESHOLD' && dice.chance(0.1);
  const edges = Array.from({ length: isEmpty ? 0 : 1 + dice.below(3) }, () => edgeFor(dice, source, known));
  const groups = depth < 2 && !isEmpty ? [maybe(dice, 0.12, () => groupFor(dice, source, known, depth + 1))] : [];
  const group = { predicate, threshold: 0, dependencies: edges, groups: groups.filter((one) => one !== undefined) };
  const { dependencies } = merged(group);
  const members = dependencies.length + group.groups.length;
  return predicate === 'THRESHOLD' ? { ...group, threshold: 1 + dice.below(members) } : group;
}

function edgeFor(dice: Dice, source: string, known: Known): Edge {
  const targetType = dice.chance(0.5) ? 'CHECK' : 'STAGE';
  const all = targetType === 'CHECK' ? checkIds : stageIds;
  const candidates = targetType === 'CHECK' ? known.checks : known.stages;
  const earlier = candidates.filter((id) => id.slice(1) < source.slice(1));
  const pool = weighted(dice, [
    [30, earlier],
    [3, candidates],
    [1, all],
  ]);
  const condition = weighted(dice, [
    [5, 'FINAL'],
    [3, 'SUCCEEDED'],
    [2, 'FAILED'],
  ] as const);
  const targetId = dice.pick(pool.length > 0 ? pool : candidates.length > 0 ? candidates : all);
  return { targetType, targetId, condition };
}
