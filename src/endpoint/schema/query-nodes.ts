import { z } from 'zod';
import { checkStates } from '../../domain/check.ts';
import type { Limits } from '../../domain/limits.ts';
import { stageStates } from '../../domain/stage.ts';
import type { QueryNodesRequest } from '../../service/requests.ts';
import { label, limitedFields, oneOf } from './fields.ts';
import { bothUnlessOne } from './include.ts';
import { nodeView } from './node-view.ts';

/** QueryNodes. */
export function queryNodesSchema(limits: Limits): z.ZodType<QueryNodesRequest> {
  const { id, idList, pageSize } = limitedFields(limits);
  return z
    .object({
      workPlanId: id,
      checkIds: idList,
      stageIds: idList,
      checkStates: z.array(oneOf(checkStates)),
      stageStates: z.array(oneOf(stageStates)),
      includeChecks: z.boolean(),
      includeStages: z.boolean(),
      pageSize,
      pageToken: label,
      view: nodeView,
    })
    .transform(bothUnlessOne);
}
