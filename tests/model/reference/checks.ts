import { noGroup, sameGroups, merged as withoutRepeats } from './dependencies.ts';
import { equal, merged } from './json.ts';
import { requireThat } from './refusal.ts';
import type { CheckWrite } from './requests.ts';
import { hasFailure } from './results.ts';
import type { Check, CheckState, Outcome, Plan } from './state.ts';

/** Checks: section 2. */

const byWriter: Readonly<Record<CheckState, readonly CheckState[]>> = {
  PLANNING: ['PLANNED', 'FINAL'],
  PLANNED: ['WAITING', 'FINAL'],
  WAITING: ['FINAL'],
  FINAL: [],
};

export function newCheck(id: string): Check {
  return {
    id,
    state: 'PLANNING',
    kind: '',
    outcome: undefined,
    options: undefined,
    dependencies: noGroup,
    results: [],
    version: 0,
    revision: 0,
  };
}

/** The fields of a check that are fixed sooner or later; writing them as they stand is fine for ever. */
export function defineCheck(check: Check, { kind, options, dependencies }: CheckWrite): void {
  if (kind !== '' && kind !== check.kind) {
    requireThat(check.kind === '', 'IMMUTABLE_FIELD', `the kind of ${check.id} is fixed`);
    requireThat(check.state !== 'FINAL', 'IMMUTABLE_FIELD', `${check.id} is FINAL`);
    check.kind = kind;
  }
  const isOpen = check.state === 'PLANNING';
  if (options !== undefined && !equal(merged(check.options, options), check.options ?? {})) {
    requireThat(isOpen, 'IMMUTABLE_FIELD', `the options of ${check.id} are fixed`);
    check.options = merged(check.options, options);
  }
  if (dependencies !== undefined && !sameGroups(dependencies, check.dependencies)) {
    requireThat(isOpen, 'IMMUTABLE_FIELD', `the dependencies of ${check.id} are fixed`);
    check.dependencies = withoutRepeats(dependencies);
  }
}

/** A writer's wish for a state, judged by the table. */
export function requireCheckTransition(from: CheckState, to: CheckState): void {
  requireThat(from === to || byWriter[from].includes(to), 'ILLEGAL_TRANSITION', `no transition from ${from} to ${to}`);
}

/** FINAL finalizes all results. Without a given outcome, the results that count decide. */
export function finishCheck(plan: Plan, check: Check, outcome?: Outcome): void {
  check.state = 'FINAL';
  check.outcome = outcome ?? (hasFailure(plan, check) ? 'FAILED' : 'SUCCEEDED');
  for (const result of check.results) result.finalized = true;
}
