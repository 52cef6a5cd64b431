import {
  type DependencyGroup as DependencyGroupPb,
  type Dependency as DependencyPb,
  Resolution as ResolutionPb,
} from '../../../gen/turboci/v1/common_pb.js';
import type { DependencyView, GroupView } from '../../domain/dependency/group.ts';
import { condition, nodeType, predicate, resolution } from './enums.ts';

/** The recursion is as deep as the group was nested in the request that wrote it: within the limit. */
export function encodeGroup(group: GroupView): DependencyGroupPb {
  return {
    $typeName: 'turboci.v1.DependencyGroup',
    predicate: predicate.value[group.predicate],
    threshold: group.threshold,
    dependencies: group.dependencies.map(encodeDependency),
    groups: group.groups.map(encodeGroup),
  };
}

function encodeDependency(edge: DependencyView): DependencyPb {
  return {
    $typeName: 'turboci.v1.Dependency',
    targetType: nodeType.value[edge.targetType],
    targetId: edge.targetId,
    condition: condition.value[edge.condition],
    resolution: edge.resolution === undefined ? ResolutionPb.UNKNOWN : resolution.value[edge.resolution],
  };
}

/** A group of a request, before its schema has seen it: unset enums have their defaults, unknown ones their numbers. */
export type RawGroup = {
  readonly predicate: string | number;
  readonly threshold: number;
  readonly dependencies: readonly unknown[];
  readonly groups: readonly RawGroup[];
};

/** The recursion is as deep as the message, which its decoder has bounded. */
export function decodeGroup(group: DependencyGroupPb): RawGroup {
  return {
    predicate: predicate.read(group.predicate) ?? 'AND',
    threshold: group.threshold,
    dependencies: group.dependencies.map(decodeDependency),
    groups: group.groups.map(decodeGroup),
  };
}

function decodeDependency(edge: DependencyPb): unknown {
  return {
    targetType: nodeType.read(edge.targetType) ?? 'CHECK',
    targetId: edge.targetId,
    condition: condition.read(edge.condition) ?? 'FINAL',
  };
}
