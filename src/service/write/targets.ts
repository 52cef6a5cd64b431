import type { DependencyGroup } from '../../domain/dependency/group.ts';
import { AppError, type FieldPath } from '../../domain/error.ts';
import { describeNode, type NodeRef } from '../../domain/node.ts';
import type { PlanEdit } from '../edit/plan-edit.ts';

/** Refuses edges to nodes that neither the plan nor this write has, naming the field. */
export async function assertTargetsExist(edit: PlanEdit, root: DependencyGroup, path: FieldPath): Promise<void> {
  const open: { readonly group: DependencyGroup; readonly path: FieldPath }[] = [{ group: root, path }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const [index, { targetType, targetId }] of next.group.dependencies.entries()) {
      const target = targetType === 'CHECK' ? await edit.check(targetId) : await edit.stage(targetId);
      if (target !== undefined) continue;
      throw unknownTarget({ type: targetType, id: targetId }, [...next.path, 'dependencies', index, 'targetId']);
    }
    for (const [index, group] of next.group.groups.entries()) {
      open.push({ group, path: [...next.path, 'groups', index] });
    }
  }
}

export function unknownTarget(target: NodeRef, path: FieldPath): AppError {
  const message = `${describeNode(target)} is neither in the plan nor created by this write`;
  return new AppError('UNKNOWN_TARGET', message, {
    fields: [{ path, message }],
    metadata: { target_type: target.type.toLowerCase(), target_id: target.id },
  });
}
