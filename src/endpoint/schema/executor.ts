import { z } from 'zod';
import type { Limits } from '../../domain/limits.ts';
import type { CancelStageRequest, RunStageRequest } from '../../service/requests.ts';
import { label, limitedFields } from './fields.ts';

/** The requests about single stages. */
export function executorSchemas(limits: Limits): {
  readonly run: z.ZodType<RunStageRequest>;
  readonly cancel: z.ZodType<CancelStageRequest>;
} {
  const { id } = limitedFields(limits);
  return {
    run: z.object({ workPlanId: id, stageId: id, wait: z.boolean() }),
    cancel: z.object({ workPlanId: id, stageId: id, reason: label }),
  };
}
