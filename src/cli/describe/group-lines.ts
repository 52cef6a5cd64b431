import {
  type Dependency,
  DependencyCondition,
  type DependencyGroup,
  NodeType,
  PredicateType,
} from '../../../gen/turboci/v1/common_pb.js';
import { oneLine, type Paint } from '../output.ts';
import type { Described } from './described.ts';
import { resolutionMark, statusText } from './node-status.ts';

/** A group of dependencies as a tree: an edge a line, with what has become of it and how its target stands. */
export function groupLines(group: DependencyGroup | undefined, nodes: Described, paint: Paint): readonly string[] {
  if (group === undefined) return [];
  const lines = [
    ...group.dependencies.map((edge) => edgeLine(edge, nodes, paint)),
    ...group.groups.flatMap((inner) => groupLines(inner, nodes, paint)),
  ];
  const isPlain = group.dependencies.length + group.groups.length < 2;
  return isPlain ? lines : [`${predicateText(group)}:`, ...lines.map((line) => `  ${line}`)];
}

function edgeLine({ targetType, targetId, condition, resolution }: Dependency, nodes: Described, paint: Paint): string {
  const type = targetType === NodeType.STAGE ? 'stage' : 'check';
  const status = statusText(nodes, targetType, targetId);
  return `${resolutionMark(resolution, paint)} ${type} ${oneLine(targetId)}${conditionText(condition)}: ${status}`;
}

/** What has to be true of the target; nothing for success, which is what one expects. */
function conditionText(condition: DependencyCondition): string {
  if (condition === DependencyCondition.SUCCEEDED) return '';
  return condition === DependencyCondition.FAILED ? ', when failed' : ', when final';
}

function predicateText({ predicate, threshold, dependencies, groups }: DependencyGroup): string {
  switch (predicate) {
    case PredicateType.AND:
    case PredicateType.UNKNOWN:
      return 'all of';
    case PredicateType.OR:
      return 'any of';
    case PredicateType.THRESHOLD:
      return `${threshold} of these ${dependencies.length + groups.length}`;
  }
}
