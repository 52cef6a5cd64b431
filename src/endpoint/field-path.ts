import type { FieldPath } from '../domain/error.ts';

/** Fields with keys of the caller's own: what lies below them is not a field name and stays as it is. */
const FREE_FORM = new Set(['args', 'options', 'data', 'details', 'metadata']);

/** Plain names that are more than the field's name in another spelling. */
const DURATION_SUFFIX = /Ms$/;

/**
 * The path of a request's field in the names of the contract, as BadRequest wants it:
 * `['stages', 3, 'executionPolicy', 'stageTimeoutMs']` → `stages[3].execution_policy.stage_timeout`.
 */
export function protoPath(path: FieldPath): string {
  let text = '';
  let freeForm = false;
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (freeForm) text += /^\w+$/.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`;
    else text += `${text === '' ? '' : '.'}${protoName(segment)}`;
    if (typeof segment === 'string' && FREE_FORM.has(segment)) freeForm = true;
  }
  return text;
}

function protoName(plainName: string): string {
  return plainName.replace(DURATION_SUFFIX, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
