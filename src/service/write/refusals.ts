import { AppError, type FieldPath } from '../../domain/error.ts';
import { describeNode, type NodeRef } from '../../domain/node.ts';

/** ABORTED: somebody else was faster; read again and decide anew. */
export function versionMismatch(
  message: string,
  expected: number,
  actual: number,
  metadata: Readonly<Record<string, string>> = {},
): AppError {
  return new AppError('VERSION_MISMATCH', message, {
    metadata: { ...metadata, expected: String(expected), actual: String(actual) },
  });
}

/** The refusal of a change to something that is fixed. */
export function immutable(node: NodeRef, field: string, path: FieldPath, rule: string): AppError {
  const message = `${describeNode(node)}: ${field} ${rule}`;
  return new AppError('IMMUTABLE_FIELD', message, {
    fields: [{ path: [...path, field], message }],
    metadata: { node_type: node.type.toLowerCase(), node_id: node.id, field },
  });
}
