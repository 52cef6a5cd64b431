import { create } from '@bufbuild/protobuf';
import { type CheckWrite, CheckWriteSchema } from '../../../gen/turboci/v1/check_pb.js';
import { CheckState, type DependencyGroup, NodeType } from '../../../gen/turboci/v1/common_pb.js';
import type { StageWrite } from '../../../gen/turboci/v1/stage_pb.js';
import { KnownNames } from './names.ts';
import { needsGroup } from './needs-group.ts';
import type { Answer, PlanDocument, StageEntry } from './plan-schema.ts';
import type { Finding, PlanPath } from './problem.ts';
import { checkOf, stageWrite } from './stage-write.ts';
import { didYouMean } from './suggest.ts';
import { waitsForItself } from './waits-for-itself.ts';

/** The nodes that a plan file means, ready for WriteNodes. */
export type PlanNodes = { readonly checks: readonly CheckWrite[]; readonly stages: readonly StageWrite[] };

/**
 * The nodes of a plan, and everything that is wrong with it beyond its form. A stage without `answers` answers a check
 * of its own name. A check without `needs` that one stage alone answers needs what that stage needs, so that both are
 * skipped together. A check that several stages answer is open until all of them have ended. `existing` are the nodes that the plan on the server has already; names may refer to them.
 */
export function planNodes(
  plan: PlanDocument,
  existing: KnownNames,
): { readonly nodes: PlanNodes; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => void findings.push(finding);
  const answersByStage = new Map(Object.entries(plan.stages).map(([id, entry]) => [id, answersOf(id, entry)]));
  const answered = answeringStages(answersByStage);
  const names = new KnownNames(
    [...existing.stages, ...Object.keys(plan.stages)],
    [...existing.checks, ...Object.keys(plan.checks ?? {}), ...answered.keys()],
  );
  const group = (needs: StageEntry['needs'], path: PlanPath): DependencyGroup | undefined =>
    needs === undefined ? undefined : needsGroup(needs, path, { names, report });

  const isShared = (check: string): boolean => (answered.get(check)?.length ?? 0) > 1 || existing.checks.has(check);
  const needsOfStage = new Map<string, DependencyGroup | undefined>();
  const stages = Object.entries(plan.stages).map(([id, entry]) => {
    for (const finding of [...workFindings(id, entry), ...answerFindings(id, entry), ...noopFindings(id, entry, names)])
      report(finding);
    const dependencies = group(entry.needs, ['stages', id, 'needs']);
    needsOfStage.set(id, dependencies);
    return stageWrite({
      id,
      entry,
      defaults: plan.defaults ?? {},
      answers: answersByStage.get(id) ?? [],
      sharesCheck: (answersByStage.get(id) ?? []).map(checkOf).some(isShared),
      dependencies,
      continuation: group(entry.continues_until, ['stages', id, 'continues_until']),
    });
  });

  const ownChecks = new Set([...Object.keys(plan.checks ?? {}), ...answered.keys()]);
  const checks = [...ownChecks].flatMap((id) => {
    const entry = Object.hasOwn(plan.checks ?? {}, id) ? (plan.checks?.[id] ?? {}) : undefined;
    if (entry === undefined && existing.checks.has(id)) return [];
    const answering = answered.get(id) ?? [];
    if (entry !== undefined && answering.length === 0 && entry.external !== true) report(unanswered(id));
    const sole = answering.length === 1 ? answering[0] : undefined;
    const dependencies =
      entry?.needs === undefined && sole !== undefined
        ? needsOfStage.get(sole)
        : group(entry?.needs, ['checks', id, 'needs']);
    return create(CheckWriteSchema, {
      id,
      state: CheckState.PLANNED,
      kind: entry?.kind ?? '',
      ...(entry?.options === undefined ? {} : { options: entry.options }),
      ...(dependencies === undefined ? {} : { dependencies }),
    });
  });

  if (findings.length === 0) findings.push(...circleFinding(checks, stages, plan));
  return { nodes: { checks, stages }, findings };
}

function answersOf(id: string, { answers }: StageEntry): readonly Answer[] {
  if (answers === undefined) return [id];
  return typeof answers === 'string' || !Array.isArray(answers) ? [answers] : answers;
}

function answeringStages(answersByStage: ReadonlyMap<string, readonly Answer[]>): Map<string, readonly string[]> {
  const answered = new Map<string, readonly string[]>();
  for (const [stage, answers] of answersByStage) {
    for (const check of answers.map(checkOf)) answered.set(check, [...(answered.get(check) ?? []), stage]);
  }
  return answered;
}

/** Whether a stage says what it does, once, and with the settings that belong to it. */
function workFindings(id: string, entry: StageEntry): readonly Finding[] {
  const path = ['stages', id];
  const works = (['run', 'noop', 'runner'] as const).filter((key) => entry[key] !== undefined);
  if (works.length !== 1) {
    const message =
      works.length === 0
        ? 'the stage does nothing; give it `run: COMMAND`, `runner: TYPE` or `noop:`'
        : `a stage has one of ${works.join(' and ')}, not both; make two stages of it`;
    return [{ path: [...path, works[1] ?? id].slice(0, works.length === 0 ? 2 : 3), message, atKey: true }];
  }
  const foreign = foreignKeys[works[0] ?? 'run'].filter((key) => entry[key] !== undefined);
  return foreign.map((key) => ({
    path: [...path, key],
    message: `\`${key}\` is for stages with \`${runnerKeys.has(key) ? 'runner' : 'run'}\`; remove it`,
    atKey: true,
  }));
}

const runnerKeys: ReadonlySet<string> = new Set(['args', 'mode']);
const foreignKeys = {
  run: ['args', 'mode'],
  noop: ['args', 'mode', 'cwd', 'env', 'results'],
  runner: ['cwd', 'env', 'results'],
} as const;

function answerFindings(id: string, { answers }: StageEntry): readonly Finding[] {
  if (!Array.isArray(answers)) return [];
  const checks = answers.map(checkOf);
  return checks.flatMap((check, at) =>
    checks.indexOf(check) === at
      ? []
      : [{ path: ['stages', id, 'answers', at], message: `the check "${check}" is here twice; remove one of the two` }],
  );
}

function noopFindings(id: string, { noop }: StageEntry, { checks }: KnownNames): readonly Finding[] {
  const unknown = Object.keys(noop?.checks ?? {}).filter((check) => !checks.has(check));
  return unknown.map((check) => ({
    path: ['stages', id, 'noop', 'checks', check],
    message: `there is no check "${check}"${didYouMean(check, checks) || '; add it, or remove it here'}`,
    atKey: true,
  }));
}

function unanswered(id: string): Finding {
  return {
    path: ['checks', id],
    message:
      'no stage answers this check, so the plan would never end; name it in `answers` of a stage, or say `external: true`',
    atKey: true,
  };
}

function circleFinding(
  checks: readonly CheckWrite[],
  stages: readonly StageWrite[],
  plan: PlanDocument,
): readonly Finding[] {
  const circle = waitsForItself(checks, stages);
  if (circle === undefined) return [];
  const { type, id } = circle.first;
  const listed = type === NodeType.STAGE || !Object.hasOwn(plan.checks ?? {}, id);
  const path = listed ? ['stages', id, 'needs'] : ['checks', id, 'needs'];
  return [{ path, message: `waits for itself: ${circle.text}; remove one of these needs` }];
}
