import { z } from 'zod';
import type { Limits } from '../../domain/limits.ts';
import type { WriteNodesRequest } from '../../service/requests.ts';
import { attemptIdx } from './attempt-write.ts';
import { checkWriteSchema } from './check-write.ts';
import { type Checked, fault } from './fault.ts';
import { label, limitedFields, naturalNumber, unset } from './fields.ts';
import { nodeView } from './node-view.ts';
import { stageWriteSchema } from './stage-write.ts';

/** WriteNodes: at most so many nodes, each only once. */
export function writeNodesSchema(limits: Limits): z.ZodType<WriteNodesRequest> {
  const { id, optionalId, requestId } = limitedFields(limits);
  const attemptRef = z.object({ stageId: id, attemptIdx, processUid: optionalId });
  return z
    .object({
      workPlanId: id,
      checks: z.array(checkWriteSchema(limits)),
      stages: z.array(stageWriteSchema(limits)),
      requestId,
      reason: label,
      attempt: unset(attemptRef),
      expectedPlanVersion: unset(naturalNumber),
      responseView: nodeView,
    })
    .check((checked) => checkNodes(checked, limits));
}

function checkNodes(checked: Checked<WriteNodesRequest>, limits: Limits): void {
  const { checks, stages } = checked.value;
  if (checks.length + stages.length > limits.nodesPerWrite) {
    const list = checks.length > limits.nodesPerWrite ? 'checks' : 'stages';
    fault(checked, `a write has at most ${limits.nodesPerWrite} nodes`, [list], 'REQUEST_LIMIT_EXCEEDED');
  }
  checkUnique(checked, 'checks', checks);
  checkUnique(checked, 'stages', stages);
}

function checkUnique(
  checked: Checked<WriteNodesRequest>,
  list: string,
  nodes: readonly { readonly id: string }[],
): void {
  const seen = new Set<string>();
  nodes.forEach(({ id }, at) => {
    if (seen.has(id))
      fault(checked, 'names a node that this request writes already', [list, at, 'id'], 'DUPLICATE_NODE');
    seen.add(id);
  });
}
