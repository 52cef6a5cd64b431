import type { Predicate, Resolution } from './group.ts';

/** The counters of one group: how many members it has, needs, and knows about. */
export type GroupTally = {
  readonly need: number;
  readonly members: number;
  readonly satisfied: number;
  readonly unsatisfied: number;
};

/** A threshold k of n members makes sense for 1 ≤ k ≤ n; AND and OR always do. */
export function isPossibleNeed(need: number, members: number, predicate: Predicate): boolean {
  return predicate !== 'THRESHOLD' || (need >= 1 && need <= members);
}

/** Tri-state resolution (semantics, section 5): satisfied at s ≥ k, unsatisfiable at n − u < k, else open. */
export function resolve(tally: GroupTally): Resolution | undefined {
  if (tally.satisfied >= tally.need) return 'SATISFIED';
  return tally.members - tally.unsatisfied < tally.need ? 'UNSATISFIED' : undefined;
}

/** The tally after one more member resolved. */
export function withMember(tally: GroupTally, resolution: Resolution): GroupTally {
  return resolution === 'SATISFIED'
    ? { ...tally, satisfied: tally.satisfied + 1 }
    : { ...tally, unsatisfied: tally.unsatisfied + 1 };
}
