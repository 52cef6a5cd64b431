import { create } from '@bufbuild/protobuf';
import {
  type Dependency,
  DependencyCondition,
  type DependencyGroup,
  DependencyGroupSchema,
  DependencySchema,
  NodeType,
  PredicateType,
} from '../../../gen/turboci/v1/common_pb.js';
import { bounds } from './bounds.ts';
import type { KnownNames, NodeName } from './names.ts';
import type { Need, Needs } from './plan-schema.ts';
import type { Finding, PlanPath } from './problem.ts';
import { didYouMean } from './suggest.ts';

type When = 'succeeded' | 'failed' | 'final';
type Context = { readonly names: KnownNames; readonly report: (finding: Finding) => void };
/** A group at some depth; the outermost one counts as 1. */
type Level = Context & { readonly depth: number };
type Members = { readonly members: readonly Need[]; readonly path: PlanPath };

/**
 * The dependency group that `needs` means; undefined for an empty list. Names that do not exist and thresholds that
 * cannot be reached are reported.
 */
export function needsGroup(needs: Needs, path: PlanPath, context: Context): DependencyGroup | undefined {
  const level = { ...context, depth: 1 };
  if (!isList(needs)) return isGroup(needs) ? group(needs, path, level) : all([needs], [path], level);
  if (needs.length === 0) return undefined;
  return all(
    needs,
    needs.map((_, at) => [...path, at]),
    level,
  );
}

function all(members: readonly Need[], paths: readonly PlanPath[], level: Level): DependencyGroup {
  return fill(PredicateType.AND, 0, members, (at) => paths[at] ?? [], level);
}

function group(need: Exclude<Need, Ref>, path: PlanPath, level: Level): DependencyGroup {
  const { members, path: listPath } = membersOf(need, path);
  const within = (at: number): PlanPath => [...listPath, at];
  if ('all' in need) return fill(PredicateType.AND, 0, members, within, level);
  if ('any' in need) return fill(PredicateType.OR, 0, members, within, level);
  const built = fill(PredicateType.THRESHOLD, need.threshold, members, within, level);
  const count = new Set(built.dependencies.map(edgeKey)).size + built.groups.length;
  if (need.threshold > count && count > 0) {
    const message = `${need.threshold} of ${count} can never be; the threshold is at most the number of different members`;
    level.report({ path: [...path, 'threshold'], message });
  }
  return built;
}

function membersOf(need: Exclude<Need, Ref>, path: PlanPath): Members {
  if ('all' in need) return { members: need.all, path: [...path, 'all'] };
  if ('any' in need) return { members: need.any, path: [...path, 'any'] };
  return { members: need.of, path: [...path, 'of'] };
}

function fill(
  predicate: PredicateType,
  threshold: number,
  members: readonly Need[],
  pathOf: (at: number) => PlanPath,
  level: Level,
): DependencyGroup {
  const built = create(DependencyGroupSchema, { predicate, threshold });
  members.forEach((member, at) => {
    if (isGroup(member)) {
      const depth = level.depth + 1;
      if (depth <= bounds.groupDepth) built.groups.push(group(member, pathOf(at), { ...level, depth }));
      else level.report({ path: pathOf(at), message: `groups nest at most ${bounds.groupDepth} deep` });
      return;
    }
    const edge = edgeOf(member, pathOf(at), level);
    if (edge !== undefined) built.dependencies.push(edge);
  });
  return built;
}

function edgeOf(ref: Ref, path: PlanPath, context: Context): Dependency | undefined {
  const target = targetOf(ref, context.names);
  if (target === undefined) {
    context.report({ path, message: unknownName(ref, context.names) });
    return undefined;
  }
  const when = typeof ref === 'string' ? 'succeeded' : (ref.when ?? 'succeeded');
  return create(DependencySchema, { targetType: target.type, targetId: target.id, condition: conditions[when] });
}

const conditions: Readonly<Record<When, DependencyCondition>> = {
  succeeded: DependencyCondition.SUCCEEDED,
  failed: DependencyCondition.FAILED,
  final: DependencyCondition.FINAL,
};

function targetOf(ref: Ref, names: KnownNames): NodeName | undefined {
  if (typeof ref === 'string') return names.resolve(ref);
  if ('stage' in ref) return names.stages.has(ref.stage) ? { type: NodeType.STAGE, id: ref.stage } : undefined;
  return names.checks.has(ref.check) ? { type: NodeType.CHECK, id: ref.check } : undefined;
}

function unknownName(ref: Ref, { stages, checks }: KnownNames): string {
  const name = nameOf(ref);
  if (typeof ref === 'string') {
    return `there is no stage or check "${name}"${didYouMean(name, [...stages, ...checks]) || '; add it, or remove it here'}`;
  }
  const [kind, known] = 'stage' in ref ? ['stage', stages] : ['check', checks];
  return `there is no ${kind} "${name}"${didYouMean(name, known) || '; add it, or remove it here'}`;
}

function nameOf(ref: Ref): string {
  if (typeof ref === 'string') return ref;
  return 'stage' in ref ? ref.stage : ref.check;
}

type Ref = Extract<Need, string | { readonly stage: string } | { readonly check: string }>;

function isList(needs: Needs): needs is readonly Need[] {
  return Array.isArray(needs);
}

function isGroup(need: Need): need is Exclude<Need, Ref> {
  return typeof need === 'object' && !('stage' in need) && !('check' in need);
}

/** Equal edges are one edge within a group. */
function edgeKey(edge: Dependency): string {
  return `${edge.targetType}:${edge.condition}:${edge.targetId}`;
}
