import { z } from 'zod';
import { checkStates } from '../../domain/check.ts';
import type { Limits } from '../../domain/limits.ts';
import { stageStates } from '../../domain/stage.ts';
import type { WatchWorkPlanRequest } from '../../service/requests.ts';
import { limitedFields, naturalNumber, oneOf, unset } from './fields.ts';
import { bothUnlessOne } from './include.ts';
import { nodeView } from './node-view.ts';

/** WatchWorkPlan. */
export function watchWorkPlanSchema(limits: Limits): z.ZodType<WatchWorkPlanRequest> {
  const { id, idList } = limitedFields(limits);
  return z
    .object({
      workPlanId: id,
      includeChecks: z.boolean(),
      includeStages: z.boolean(),
      checkStateFilter: z.array(oneOf(checkStates)),
      stageStateFilter: z.array(oneOf(stageStates)),
      checkIdFilter: idList,
      stageIdFilter: idList,
      sinceRevision: unset(naturalNumber),
      endOnCompletion: z.boolean(),
      view: nodeView,
    })
    .transform(bothUnlessOne);
}
