import type { z } from 'zod';
import { checkKeys, defaultsKeys, planKeys, stageKeys } from './plan-schema.ts';
import type { Finding, PlanPath } from './problem.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** What the schema found wrong, in words for the author of a plan. */
export function schemaFindings(error: z.ZodError): readonly Finding[] {
  return error.issues.flatMap((issue) => findingsOf(issue, []));
}

function findingsOf(issue: Issue, base: PlanPath): readonly Finding[] {
  const path = [...base, ...issue.path.map(stepOf)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, path), atKey: true }));
    case 'invalid_union': {
      const meant = meantBranch(issue.errors);
      return meant === undefined
        ? [{ path, message: issue.message }]
        : meant.flatMap((inner) => findingsOf(inner, path));
    }
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message, atKey: true }));
    default:
      return [{ path, message: issue.message }];
  }
}

/**
 * The one alternative that the author evidently meant: its own form is right, and something within it is wrong.
 * Undefined when none or several qualify; then the union's message, which lists all forms, says more.
 */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) => issues.length > 0 && !issues.some(isAboutTheForm));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function isAboutTheForm(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return meantBranch(issue.errors) === undefined;
  return issue.code === 'invalid_type' || issue.code === 'unrecognized_keys';
}

function unknownKey(key: string, parent: PlanPath): string {
  const known = keysAt(parent);
  const list = known.length === 0 ? '' : `; known are ${known.join(', ')}`;
  return `unknown key "${key}"${didYouMean(key, known) || list}`;
}

function keysAt(parent: PlanPath): readonly string[] {
  if (parent.length === 0) return planKeys;
  if (parent.length === 1 && parent[0] === 'defaults') return defaultsKeys;
  if (parent.length === 2 && parent[0] === 'stages') return stageKeys;
  return parent.length === 2 && parent[0] === 'checks' ? checkKeys : [];
}

function stepOf(step: PropertyKey): string | number {
  return typeof step === 'symbol' ? step.toString() : step;
}
