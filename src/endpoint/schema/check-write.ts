import { z } from 'zod';
import { checkStates, SERVER_OWNER } from '../../domain/check.ts';
import type { Limits } from '../../domain/limits.ts';
import type { CheckWrite } from '../../service/requests.ts';
import { countEdges, dependencyGroupSchema } from './dependency-group.ts';
import { failureWrite } from './failure.ts';
import { type Checked, fault } from './fault.ts';
import { label, limitedFields, naturalNumber, oneOf, oversizedJson, unset } from './fields.ts';

/** One check of a write. */
export function checkWriteSchema(limits: Limits): z.ZodType<CheckWrite> {
  const { id, ownerId, json } = limitedFields(limits);
  const ownerType = id.check((checked) => {
    if (checked.value === SERVER_OWNER) fault(checked, `"${SERVER_OWNER}" is reserved for the server`);
  });
  const result = z.object({
    ownerType,
    ownerId,
    data: unset(json),
    finalize: z.boolean(),
    failure: unset(failureWrite),
  });
  return z
    .object({
      id,
      state: unset(oneOf(checkStates)),
      kind: label,
      options: unset(json),
      dependencies: unset(dependencyGroupSchema(limits)),
      result: unset(result),
      expectedVersion: unset(naturalNumber),
    })
    .check((checked) => checkSizes(checked, limits));
}

function checkSizes(checked: Checked<CheckWrite>, limits: Limits): void {
  const { options, result, dependencies } = checked.value;
  const oversized = oversizedJson(
    [
      { path: ['options'], value: options },
      { path: ['result', 'data'], value: result?.data },
    ],
    limits.jsonBytes,
  );
  if (oversized !== undefined) {
    const message = `the JSON of a node must have at most ${limits.jsonBytes} bytes`;
    fault(checked, message, oversized.path, 'REQUEST_LIMIT_EXCEEDED');
  }
  if (countEdges(dependencies) > limits.edgesPerNode) {
    fault(checked, `a node has at most ${limits.edgesPerNode} edges`, ['dependencies'], 'REQUEST_LIMIT_EXCEEDED');
  }
}
