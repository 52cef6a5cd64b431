/** How a node that is FINAL ended. */
export const outcomes = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED'] as const;
export type Outcome = (typeof outcomes)[number];

/** What an edge asks of the outcome of its target. */
export const conditions = ['FINAL', 'SUCCEEDED', 'FAILED'] as const;
export type Condition = (typeof conditions)[number];

/** Whether a target that ended with `outcome` satisfies an edge with `condition` (semantics, section 5). */
export function satisfies(condition: Condition, outcome: Outcome): boolean {
  return condition === 'FINAL' || condition === outcome;
}
