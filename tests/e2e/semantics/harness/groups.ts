import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type DependencyCondition,
  type DependencyGroupSchema,
  type DependencySchema,
  NodeType,
  PredicateType,
} from '../../../../gen/turboci/v1/common_pb.js';

/** An edge as a writer sends it. */
export type Edge = MessageInitShape<typeof DependencySchema>;
/** A group as a writer sends it. */
export type Group = MessageInitShape<typeof DependencyGroupSchema>;
type Member = Edge | Group;

/** An edge to a check; FINAL is the condition if none is given. */
export function onCheck(id: string, condition?: DependencyCondition): Edge {
  return { targetType: NodeType.CHECK, targetId: id, ...(condition === undefined ? {} : { condition }) };
}

/** An edge to a stage; FINAL is the condition if none is given. */
export function onStage(id: string, condition?: DependencyCondition): Edge {
  return { targetType: NodeType.STAGE, targetId: id, ...(condition === undefined ? {} : { condition }) };
}

/** AND. */
export function all(...members: readonly Member[]): Group {
  return group(PredicateType.AND, members);
}

/** OR. */
export function any(...members: readonly Member[]): Group {
  return group(PredicateType.OR, members);
}

/** THRESHOLD(k). */
export function atLeast(k: number, ...members: readonly Member[]): Group {
  return { ...group(PredicateType.THRESHOLD, members), threshold: k };
}

function group(predicate: PredicateType, members: readonly Member[]): Group {
  return { predicate, dependencies: members.filter(isEdge), groups: members.filter(isGroup) };
}

function isEdge(member: Member): member is Edge {
  return 'targetId' in member;
}

function isGroup(member: Member): member is Group {
  return !isEdge(member);
}
