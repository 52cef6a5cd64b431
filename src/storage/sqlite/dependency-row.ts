import type { FlatEdge, FlatGroup } from '../../domain/dependency/flatten.ts';
import type { Resolution } from '../../domain/dependency/group.ts';
import type { GroupOwner } from '../dependency-repository.ts';
import { conditionCodes, nodeTypeCodes, predicateCodes, purposeCodes } from './codes.ts';
import type { Schema } from './schema.ts';

/** The columns that name one group, and its edges. */
export type GroupKey = Pick<
  Schema['dependency_groups'],
  'work_plan_id' | 'source_type' | 'source_id' | 'purpose' | 'group_index'
>;

export type OwnerKey = Omit<GroupKey, 'group_index'>;

/** The columns that name a node's tree for one purpose. */
export const ownerColumns = ['work_plan_id', 'source_type', 'source_id', 'purpose'] as const;

/** The columns that name an edge within its tree. */
export const edgeKeyColumns = ['group_index', 'target_type', 'target_id', 'condition'] as const;

export const groupColumns = [
  'group_index',
  'parent_index',
  'predicate_type',
  'need',
  'members',
  'satisfied',
  'unsatisfied',
] as const;

export const edgeColumns = [...edgeKeyColumns, 'satisfied'] as const;

type GroupRow = Pick<Schema['dependency_groups'], (typeof groupColumns)[number]>;
type EdgeRow = Pick<Schema['dependencies'], (typeof edgeColumns)[number]>;

export function toOwnerKey(owner: GroupOwner): OwnerKey {
  return {
    work_plan_id: owner.planId,
    source_type: nodeTypeCodes.encode(owner.source.type),
    source_id: owner.source.id,
    purpose: purposeCodes.encode(owner.purpose),
  };
}

export function toGroupKey(owner: GroupOwner, index: number): GroupKey {
  return { ...toOwnerKey(owner), group_index: index };
}

export function toGroupRow(group: FlatGroup): GroupRow {
  return {
    group_index: group.index,
    parent_index: group.parent < 0 ? null : group.parent,
    predicate_type: predicateCodes.encode(group.predicate),
    ...group.tally,
  };
}

export function fromGroupRow(row: GroupRow): FlatGroup {
  const { need, members, satisfied, unsatisfied } = row;
  return {
    index: row.group_index,
    parent: row.parent_index ?? -1,
    predicate: predicateCodes.decode(row.predicate_type),
    tally: { need, members, satisfied, unsatisfied },
  };
}

export function toEdgeKey(edge: FlatEdge): Pick<Schema['dependencies'], (typeof edgeKeyColumns)[number]> {
  return {
    group_index: edge.group,
    target_type: nodeTypeCodes.encode(edge.targetType),
    target_id: edge.targetId,
    condition: conditionCodes.encode(edge.condition),
  };
}

export function fromEdgeRow(row: EdgeRow): FlatEdge {
  return {
    group: row.group_index,
    targetType: nodeTypeCodes.decode(row.target_type),
    targetId: row.target_id,
    condition: conditionCodes.decode(row.condition),
    resolution: row.satisfied === null ? undefined : toResolution(row.satisfied),
  };
}

export function toResolution(satisfied: number): Resolution {
  return satisfied === 1 ? 'SATISFIED' : 'UNSATISFIED';
}
